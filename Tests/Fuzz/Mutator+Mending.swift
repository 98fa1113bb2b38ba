// SPDX-License-Identifier: Apache-2.0

import CZlib
import Foundation
import Signet

/// Checksums and lengths are put right after the damage, so that parsers get beyond them.
extension Mutator {
  func mend(_ bytes: inout [UInt8]) {
    switch parser {
    case .png: Self.mendPNG(&bytes)
    case .imageIndex where bytes.count > 16:
      let sum = bytes[16...].withUnsafeBufferPointer { crc32(0, $0.baseAddress, uInt($0.count)) }
      for k in 0..<4 { bytes[12 + k] = UInt8(truncatingIfNeeded: sum >> UInt(8 * k)) }
    case .safetensors, .compactModel, .checkpoint: Self.mendSafetensors(&bytes)
    default: break
    }
  }

  /// Writes the checksum of each chunk anew.
  private static func mendPNG(_ bytes: inout [UInt8]) {
    var at = 8
    while at + 12 <= bytes.count {
      let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - at - 12 else { return }
      let sum = bytes[at + 4..<at + 8 + length].withUnsafeBufferPointer {
        crc32(0, $0.baseAddress, uInt($0.count))
      }
      for k in 0..<4 { bytes[at + 8 + length + k] = UInt8(truncatingIfNeeded: sum >> UInt(24 - 8 * k)) }
      at += 12 + length
    }
  }

  /// Writes the header's length and both digests of one of our safetensors files anew, as far as its header can be read.
  ///
  /// The parsers have no part in it: what makes them crash must be made again by a process that does not.
  private static func mendSafetensors(_ bytes: inout [UInt8]) {
    guard let end = endOfObject(bytes, from: 8) else { return }
    for k in 0..<8 { bytes[k] = UInt8(truncatingIfNeeded: (end - 8) >> (8 * k)) }
    replace("sha256", with: bytes[end...].withUnsafeBytes { SHA256.hexDigest(of: $0) }, in: &bytes, end)
    guard let header = try? JSONSerialization.jsonObject(with: Data(bytes[8..<end])) as? [String: Any],
      let metadata = header["__metadata__"] as? [String: String]
    else { return }
    var tensors: [(name: String, type: String, shape: [Int])] = []
    for case (let name, let entry as [String: Any]) in header where name != "__metadata__" {
      guard let type = entry["dtype"] as? String, let shape = entry["shape"] as? [Int] else { return }
      tensors.append((name, type, shape))
    }
    replace(
      HeaderDigest.key, with: HeaderDigest.hexDigest(metadata: metadata, tensors: tensors), in: &bytes, end)
  }

  /// Where an object of JSON ends, with the spaces behind it.
  private static func endOfObject(_ bytes: [UInt8], from start: Int) -> Int? {
    var (depth, isInText, place) = (0, false, start)
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "\\") where isInText: place += 1
      case UInt8(ascii: "\""): isInText.toggle()
      case UInt8(ascii: "{") where !isInText: depth += 1
      case UInt8(ascii: "}") where !isInText:
        depth -= 1
        if depth <= 0 {
          return bytes[(place + 1)...].firstIndex { $0 != UInt8(ascii: " ") } ?? bytes.count
        }
      default: break
      }
      place += 1
    }
    return nil
  }

  /// Writes the digest behind a key.
  private static func replace(_ key: String, with digest: String, in bytes: inout [UInt8], _ end: Int) {
    let key = Array("\"\(key)\":\"".utf8)
    let last = end - key.count - digest.utf8.count
    guard last >= 8 else { return }
    for start in 8...last where bytes[start] == key[0] && bytes[start...].starts(with: key) {
      let place = start + key.count
      bytes.replaceSubrange(place..<place + digest.utf8.count, with: digest.utf8)
      return
    }
  }
}

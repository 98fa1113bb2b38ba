// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a file can't be used.
struct FileError: Error, CustomStringConvertible {
  let description: String
}

/// A binary PGM (`P5`, grey) or PPM (`P6`, RGB) image with a byte a channel: the simplest files of raw pixels.
struct Netpbm {
  let shape: FeatureShape
  /// `[height, width, channels]`, 0 black and 255 white.
  let pixels: ArraySlice<UInt8>

  init(path: String) throws {
    var header = try Header(bytes: File.bytes(path: path), path: path)
    let channels: Int
    switch (header.next(), header.next()) {
    case (UInt8(ascii: "P"), UInt8(ascii: "5")): channels = 1
    case (UInt8(ascii: "P"), UInt8(ascii: "6")): channels = 3
    default:
      throw FileError(description: "\(path): neither a binary PGM (P5) nor PPM (P6) file; convert it first")
    }
    let width = try header.number(upTo: 65536)
    let height = try header.number(upTo: 65536)
    guard try header.number(upTo: 65535) == 255 else {
      throw FileError(description: "\(path): its largest value is not 255; convert it to 8 bits a channel")
    }
    shape = FeatureShape(height: height, width: width, channels: channels)
    // One white space ends the header.
    let first = header.position + 1
    guard first <= header.bytes.count, header.bytes.count - first >= shape.count else {
      throw FileError(description: "\(path): ends before its \(shape.count) bytes of \(shape); copy it again")
    }
    pixels = header.bytes[first..<first + shape.count]
  }

  private struct Header {
    let bytes: [UInt8]
    let path: String
    var position = 0

    mutating func next() -> UInt8? {
      guard position < bytes.count else { return nil }
      defer { position += 1 }
      return bytes[position]
    }

    /// A positive number behind white space and comments.
    mutating func number(upTo limit: Int) throws -> Int {
      while position < bytes.count, !(48...57).contains(bytes[position]) {
        let byte = bytes[position]
        if byte == UInt8(ascii: "#") {
          while position < bytes.count, bytes[position] != 10 { position += 1 }
        } else if ![9, 10, 13, 32].contains(byte) {
          break
        } else {
          position += 1
        }
      }
      var value = 0
      while position < bytes.count, (48...57).contains(bytes[position]), value <= limit {
        value = value * 10 + Int(bytes[position] - 48)
        position += 1
      }
      guard (1...limit).contains(value) else {
        throw FileError(description: "\(path): byte \(position) of its header is no size from 1 to \(limit)")
      }
      return value
    }
  }
}

/// Whole files, by the C library alone.
enum File {
  static func bytes(path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else {
      throw FileError(description: "\(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&block, 1, block.count, file)
      bytes += block[..<count]
      if count < block.count { break }
    }
    guard ferror(file) == 0 else {
      throw FileError(description: "\(path): \(String(cString: strerror(errno)))")
    }
    return bytes
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Archives and folders that the safetensors tests share.
enum SafetensorsSamples {
  /// A file put together by hand from the format's description: length, JSON, data.
  static func file(json: String, data: [UInt8]) -> [UInt8] {
    let header = Array(json.utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
  }

  /// A valid archive of six tensors of all types that the writer knows.
  static func archive() -> [UInt8] {
    var writer = TensorArchiveWriter(metadata: ["format": "test", "note": "a \"quoted\" note\n"])
    writer.add("step", shape: [], int64s: [-1_234_567_890_123])
    writer.add("conv.weight", shape: [2, 3], words: [0, 1, 0xFFFF_FFFF, 4, 5, 6])
    writer.add("conv.threshold", shape: [3], int32s: [-7, 0, 2_147_483_647])
    writer.add("scale", shape: [2, 2], floats: [1, -0.5, .infinity, 0x1p-140])
    writer.add("accumulator", shape: [1, 3, 1], int16s: [-32_768, 0, 32_767])
    writer.add("image", shape: [5], bytes: [0, 1, 127, 128, 255])
    return writer.encoded()
  }

  /// The code of the error that opening `bytes` throws, or nil if they open.
  static func failure(_ bytes: [UInt8], verifyingChecksum: Bool = true) -> ModelFormatError? {
    do throws(ModelFormatError) {
      _ = try TensorArchive(bytes: bytes, verifyingChecksum: verifyingChecksum)
      return nil
    } catch {
      return error
    }
  }

  /// Calls `body` with the path of a new empty folder, which is removed afterwards.
  static func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/signet-tests-XXXXXX".utf8CString)
    let created = mkdtemp(&template) != nil
    try #require(created, "no temporary folder")
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
      for name in names(in: folder) { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    return try body(folder)
  }

  /// The names in a folder, sorted.
  static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Writes a file without the code under test.
  static func put(_ bytes: [UInt8], at path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }
}

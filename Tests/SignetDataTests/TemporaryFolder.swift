// SPDX-License-Identifier: Apache-2.0

import CZlib
import Foundation
import Signet
import SignetData
import Testing

/// A folder of a test's own, removed with all that is in it when the test lets go of it.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "signet-data-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path(percentEncoded: false)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes a file, with the folders above it, and returns its path.
  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = path + "/" + name
    try makeFolder((name as NSString).deletingLastPathComponent)
    try Data(bytes).write(to: URL(filePath: file))
    return file
  }

  @discardableResult
  func makeFolder(_ name: String) throws -> String {
    let folder = path + "/" + name
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }
}

extension DataSpec {
  /// What opening gives, in memory: in a layout, or as it is for a network that takes any size, where `usual` is for pictures of several.
  func load(
    split: Split, root: String? = nil, layout: ImageLayout? = nil, usual: ImageLayout? = nil
  ) throws -> LabelledImages {
    let fit = layout.map { ImageFit.layout($0) } ?? .network(required: nil, usual: usual)
    return try #require(try open(split: split, root: root, fit: fit) as? LabelledImages)
  }
}

/// Runs `body`, which must throw a `DataError` with this code, and returns the error for more questions.
@discardableResult
func expectError<R>(
  _ code: DataError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> R
) throws -> DataError {
  let error = try #require(throws: DataError.self, sourceLocation: sourceLocation) { _ = try body() }
  #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
  #expect(!error.message.isEmpty, sourceLocation: sourceLocation)
  return error
}

/// One gzip member, made by zlib.
func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
  var stream = z_stream()
  let version = String(cString: zlibVersion())
  #expect(
    deflateInit2_(
      &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, version, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
  defer { deflateEnd(&stream) }
  var input = bytes
  var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
  let outputCount = output.count
  let result = input.withUnsafeMutableBufferPointer { source in
    output.withUnsafeMutableBufferPointer { target in
      stream.next_in = source.baseAddress
      stream.avail_in = uInt(source.count)
      stream.next_out = target.baseAddress
      stream.avail_out = uInt(target.count)
      return deflate(&stream, Z_FINISH)
    }
  }
  #expect(result == Z_STREAM_END)
  return Array(output[..<(outputCount - Int(stream.avail_out))])
}

/// Big-endian bytes of a 32-bit number.
func bigEndian(_ value: Int) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// The bytes of an IDX file.
func idx(_ dimensions: [Int], _ bytes: [UInt8]) -> [UInt8] {
  [0, 0, 8, UInt8(dimensions.count)] + dimensions.flatMap(bigEndian) + bytes
}

/// Bytes from a seed; the seed is what a failing test needs to be repeated.
func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = SplitMix64(seed: seed)
  return (0..<count).map { _ in UInt8(random.index(below: 256)) }
}

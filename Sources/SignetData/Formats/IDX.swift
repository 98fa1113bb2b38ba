// SPDX-License-Identifier: Apache-2.0

/// Reader of IDX files, the format of MNIST and its successors, plain or gzip.
///
/// Two zero bytes, the element type, the number of dimensions, each dimension as a big-endian 32-bit number, then
/// the elements in row-major order. Only unsigned bytes (type 0x08) with one to four dimensions are read.
/// - Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
package enum IDX {
  /// The most bytes of elements.
  package static let maximumBytes = 1 << 34
  /// The most bytes that a byte of a gzip file may stand for; images have some ten, and gzip could have a thousand.
  package static let maximumInflation = 128
  /// So many bytes a small gzip file may hold in any case, such as labels in order.
  package static let packedBytesAllowed = 64 << 20

  /// Reads a whole file.
  ///
  /// The dimensions are checked against the true length before memory of that size is taken.
  /// - Returns: the dimensions, and as many bytes as their product.
  /// - Throws: ``DataError``: `.wrongFormat` (magic), `.unsupported` (element type, dimensions), `.tooLarge`,
  ///   `.truncated`, `.trailingBytes`, `.damaged` (gzip), `.notFound`, `.unreadable`.
  package static func read(path: String) throws(DataError) -> (dimensions: [Int], bytes: [UInt8]) {
    if FileSystem.kind(of: path) == .folder {
      throw DataError(.unreadable, "is a folder, not an IDX file; give the file", path: path)
    }
    let stream = try ByteStream(path: path)
    let dimensions = try readHeader(stream)
    var count = 1
    for dimension in dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard !overflow, product <= maximumBytes else {
        throw DataError(
          .tooLarge,
          "the dimensions \(describe(dimensions)) are more than \(maximumBytes) bytes; the header is damaged",
          path: path, byteOffset: 4)
      }
      count = product
    }
    try checkInflation(of: stream, to: count, dimensions)
    return (dimensions, try readBody(stream, count: count, dimensions: dimensions))
  }

  /// Refuses a gzip file that would become far larger than such files do; one that really is so can be unpacked beforehand.
  private static func checkInflation(
    of stream: ByteStream, to count: Int, _ dimensions: [Int]
  ) throws(DataError) {
    guard stream.isPacked, count > packedBytesAllowed else { return }
    let (most, overflow) = stream.fileSize.multipliedReportingOverflow(by: maximumInflation)
    guard overflow || count <= most else {
      throw DataError(
        .tooLarge,
        "\(stream.fileSize) bytes of gzip data announce the \(count) bytes of \(describe(dimensions)), over \(maximumInflation) "
          + "times as many; if that is right, unpack the file with gunzip first", path: stream.path,
        byteOffset: 4)
    }
  }

  private static func readHeader(_ stream: ByteStream) throws(DataError) -> [Int] {
    let magic = try readExactly(4, from: stream, at: 0)
    guard magic[0] == 0, magic[1] == 0 else {
      throw DataError(
        .wrongFormat, "is not an IDX file: it starts with \(hex(magic)) instead of 00 00 08; check the file",
        path: stream.path, byteOffset: 0)
    }
    guard magic[2] == 0x08 else {
      throw DataError(
        .unsupported,
        "has elements of IDX type 0x\(hex([magic[2]])); only unsigned bytes (0x08) are read: convert the file",
        path: stream.path, byteOffset: 2)
    }
    guard (1...4).contains(magic[3]) else {
      throw DataError(
        .unsupported, "has \(magic[3]) dimensions; 1 to 4 are read: check the file", path: stream.path,
        byteOffset: 3)
    }
    let bytes = try readExactly(4 * Int(magic[3]), from: stream, at: 4)
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    }
  }

  private static func readBody(
    _ stream: ByteStream, count: Int, dimensions: [Int]
  ) throws(DataError) -> [UInt8] {
    let header = 4 + 4 * dimensions.count
    var bytes: [UInt8] = []
    // The header may lie, so memory grows with the data that is really there.
    bytes.reserveCapacity(min(count, 1 << 26))
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { chunk.deallocate() }
    while bytes.count < count {
      let wanted = min(chunk.count, count - bytes.count)
      let got = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk[..<wanted]))
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<got]))
      if got < wanted {
        throw DataError(
          .truncated,
          "ends after \(bytes.count) of the \(count) bytes of \(describe(dimensions)); copy or download it again",
          path: stream.path, byteOffset: header + bytes.count)
      }
    }
    // Reading past the end also makes gzip check its length and checksum.
    if try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk[..<1])) > 0 {
      throw DataError(
        .trailingBytes,
        "goes on after the \(count) bytes of \(describe(dimensions)); the header or the file is damaged",
        path: stream.path, byteOffset: header + count)
    }
    return bytes
  }

  private static func readExactly(
    _ count: Int, from stream: ByteStream, at offset: Int
  ) throws(DataError) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    let got = try stream.read(into: buffer)
    guard got == count else {
      throw DataError(
        .truncated, "ends within the IDX header; copy or download it again", path: stream.path,
        byteOffset: offset + got)
    }
    return Array(buffer)
  }

  /// `60000×28×28`.
  private static func describe(_ dimensions: [Int]) -> String {
    dimensions.map(String.init).joined(separator: "×")
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }
}

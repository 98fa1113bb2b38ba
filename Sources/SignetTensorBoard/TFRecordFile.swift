// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file of length-framed, checksummed records that only grows.
///
/// A record is `length: UInt64 | masked CRC of length: UInt32 | data | masked CRC of data: UInt32`, little-endian.
/// Records are collected in memory until ``flush()``. A flush that fails cuts the file back to the records of
/// the flushes before, so that it always ends with a whole record, and keeps its own for another attempt.
package struct TFRecordFile: ~Copyable {
  /// Where the file is, for error messages.
  package let path: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private var bytesWritten = 0

  /// The buffer is written when it holds this many bytes.
  private static let capacity = 1 << 16

  /// Creates a file that must not exist yet.
  /// - Throws: ``TensorBoardError`` with code `.create`.
  package init(creating path: String) throws(TensorBoardError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw TensorBoardError(.create, path: path, errorNumber: errno) }
    self.init(descriptor: descriptor, path: path)
  }

  /// Takes over an empty file that is open for writing, and will close it.
  package init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    // A last attempt for a writer that was dropped without being closed; there is nobody left to tell.
    if descriptor >= 0 {
      _ = try? Self.write(buffer, to: descriptor, at: bytesWritten, path: path)
      _ = Self.closeDescriptor(descriptor)
    }
  }

  /// A record's bytes around its data.
  package static func framed(_ data: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(data.count))
    var record: [UInt8] = []
    record.reserveCapacity(data.count + 16)
    record += length
    record += littleEndian(CRC32C.masked(length))
    record += data
    record += littleEndian(CRC32C.masked(data))
    return record
  }

  /// Adds a record; it reaches the file with the next flush.
  /// - Throws: ``TensorBoardError`` with code `.closed`, or `.write` if the buffer was full and can't be written.
  package mutating func append(_ data: [UInt8]) throws(TensorBoardError) {
    if descriptor < 0 { throw TensorBoardError(.closed, path: path) }
    buffer += Self.framed(data)
    if buffer.count >= Self.capacity { try flush() }
  }

  /// Writes the collected records, so that a reader sees them.
  /// - Throws: ``TensorBoardError`` with code `.write`.
  package mutating func flush() throws(TensorBoardError) {
    if descriptor < 0 || buffer.isEmpty { return }
    try Self.write(buffer, to: descriptor, at: bytesWritten, path: path)
    bytesWritten += buffer.count
    buffer.removeAll(keepingCapacity: true)
  }

  /// Writes the collected records and closes the file; later calls do nothing.
  /// - Throws: ``TensorBoardError`` with code `.write`.
  package mutating func close() throws(TensorBoardError) {
    if descriptor < 0 { return }
    defer { descriptor = -1 }
    do {
      try flush()
    } catch {
      _ = Self.closeDescriptor(descriptor)
      throw error
    }
    // Some file systems report a full disk only here.
    if Self.closeDescriptor(descriptor) != 0 {
      throw TensorBoardError(.write, path: path, errorNumber: errno)
    }
  }

  private static func write(
    _ bytes: [UInt8], to descriptor: Int32, at start: Int, path: String
  ) throws(TensorBoardError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        pwrite(descriptor, raw.baseAddress.map { $0 + done }, bytes.count - done, off_t(start + done))
      }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 {
        let errorNumber = count < 0 ? errno : EIO
        _ = ftruncate(descriptor, off_t(start))
        throw TensorBoardError(.write, path: path, errorNumber: errorNumber)
      }
      done += count
    }
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func closeDescriptor(_ descriptor: Int32) -> Int32 {
    #if canImport(Glibc)
    Glibc.close(descriptor)
    #elseif canImport(Musl)
    Musl.close(descriptor)
    #elseif canImport(Darwin)
    Darwin.close(descriptor)
    #endif
  }
}

// SPDX-License-Identifier: Apache-2.0

import CZlib

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The bytes of a file from its start to its end, unpacked on the way if it is gzip.
///
/// Memory is one input buffer, whatever the file claims to hold: the reader decides how much it takes.
final class ByteStream {
  /// Where the bytes come from.
  let path: String
  /// Bytes of the file itself.
  let fileSize: Int
  private let descriptor: Int32
  private let input: UnsafeMutableRawBufferPointer
  private var unread: Range<Int> = 0..<0
  private var inflater: UnsafeMutablePointer<z_stream>?
  private var memberEnded = false
  /// File bytes taken from the system so far, for error messages.
  private var fileBytes = 0

  /// Opens a file; gzip is recognised by its first two bytes, 1f 8b.
  init(path: String) throws(DataError) {
    let (descriptor, stamp) = try FileSystem.openFile(path)
    self.descriptor = descriptor
    fileSize = Int(stamp.size)
    self.path = path
    input = .allocate(byteCount: 1 << 18, alignment: 16)
    while unread.count < 2, try refill() {}
    guard unread.count >= 2, input[0] == 0x1f, input[1] == 0x8b else { return }
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 31 = the largest window, 15, plus 16 for the gzip wrapper and its checksum.
    guard inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      stream.deallocate()
      throw DataError(
        .systemFailure, "zlib could not start: out of memory, or of another version", path: path)
    }
    inflater = stream
  }

  deinit {
    if let inflater {
      inflateEnd(inflater)
      inflater.deallocate()
    }
    input.deallocate()
    close(descriptor)
  }

  /// Whether the file is gzip, and so may hold more than its own size.
  var isPacked: Bool { inflater != nil }

  /// Reads until `output` is full or the data ends; fewer bytes than asked for means the end.
  ///
  /// At the end of gzip data its length and CRC-32 have been checked.
  /// - Throws: ``DataError`` with code `.truncated` or `.damaged` for gzip data, `.unreadable` from the system.
  func read(into output: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
    guard let inflater else { return try copy(into: output) }
    return try inflate(into: output, with: inflater)
  }

  private func copy(into output: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
    var filled = 0
    while filled < output.count {
      if unread.isEmpty, try !refill() { break }
      let count = min(unread.count, output.count - filled)
      let source = input[unread.lowerBound..<unread.lowerBound + count]
      UnsafeMutableRawBufferPointer(rebasing: output[filled..<filled + count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
      unread = unread.lowerBound + count..<unread.upperBound
      filled += count
    }
    return filled
  }

  private func inflate(
    into output: UnsafeMutableRawBufferPointer, with stream: UnsafeMutablePointer<z_stream>
  ) throws(DataError) -> Int {
    var filled = 0
    while filled < output.count {
      if unread.isEmpty, try !refill() {
        if memberEnded { break }
        throw DataError(
          .truncated, "the gzip data ends early; copy or download the file again", path: path,
          byteOffset: fileBytes)
      }
      if memberEnded {
        // A gzip file may be several members in a row, as `cat a.gz b.gz` makes it.
        inflateReset(stream)
        memberEnded = false
      }
      let step = min(output.count - filled, 1 << 30)
      stream.pointee.next_in = (input.baseAddress.map { $0 + unread.lowerBound })?
        .assumingMemoryBound(to: Bytef.self)
      stream.pointee.avail_in = uInt(unread.count)
      stream.pointee.next_out = (output.baseAddress.map { $0 + filled })?.assumingMemoryBound(to: Bytef.self)
      stream.pointee.avail_out = uInt(step)
      let result = CZlib.inflate(stream, Z_NO_FLUSH)
      unread = unread.upperBound - Int(stream.pointee.avail_in)..<unread.upperBound
      filled += step - Int(stream.pointee.avail_out)
      switch result {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END: memberEnded = true
      default:
        let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(result)"
        throw DataError(
          .damaged, "the gzip data is damaged (\(reason)); copy or download the file again", path: path,
          byteOffset: fileBytes - unread.count)
      }
    }
    return filled
  }

  /// Appends file bytes to the unread ones; false at the end of the file.
  private func refill() throws(DataError) -> Bool {
    if unread.isEmpty { unread = 0..<0 }
    let free = UnsafeMutableRawBufferPointer(rebasing: input[unread.upperBound...])
    let count = try FileSystem.readSome(descriptor, into: free, path: path)
    unread = unread.lowerBound..<unread.upperBound + count
    fileBytes += count
    return count > 0
  }
}

// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file's bytes mapped into memory, read-only and private, unmapped at the end of its life.
///
/// A file that ``AtomicFile`` replaces meanwhile stays whole here, because the mapping keeps the old one. A file
/// that another program shortens in place does not: copy such a file first.
final class MappedFile: @unchecked Sendable {
  // Unchecked: the memory is never written and lives exactly as long as the object.
  private let bytes: UnsafeRawBufferPointer

  /// Maps a whole file.
  init(path: String) throws(ModelFormatError) {
    let file = try OpenFile(reading: path)
    // An empty mapping is an error to the system, but an empty file is no error here.
    guard file.size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, file.size, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
    guard let address, address != MAP_FAILED else { throw OpenFile.unreadable(path, errno) }
    bytes = UnsafeRawBufferPointer(start: address, count: file.size)
  }

  deinit {
    if let address = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
    }
  }

  /// Calls `body` with the bytes, which stay mapped during the call.
  func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }
}

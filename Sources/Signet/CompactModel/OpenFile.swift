// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that is open for reading, closed at the end of its life.
struct OpenFile: ~Copyable {
  /// The POSIX descriptor.
  let descriptor: CInt
  /// The size when it was opened, in bytes.
  let size: Int

  /// Opens a regular file; a folder, pipe or device is refused, because none of them holds a model.
  init(reading path: String) throws(ModelFormatError) {
    guard !path.utf8.contains(0) else {
      throw ModelFormatError(.unreadable, "the path contains a zero byte; give another path", path: path)
    }
    // Without O_NONBLOCK the open of a pipe would wait for a writer.
    let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw OpenFile.unreadable(path, errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      close(descriptor)
      throw OpenFile.unreadable(path, number)
    }
    guard status.st_mode & S_IFMT == S_IFREG, let size = Int(exactly: status.st_size) else {
      close(descriptor)
      throw ModelFormatError(
        .unreadable, "it is a folder or a device, not a file; give the path of a file", path: path)
    }
    self.descriptor = descriptor
    self.size = size
  }

  deinit {
    close(descriptor)
  }

  /// The error for a failed system call on a file that was to be read.
  static func unreadable(_ path: String, _ number: CInt) -> ModelFormatError {
    let remedy =
      switch number {
      case ENOENT, ENOTDIR: "check the path"
      case EACCES, EPERM: "give yourself permission to read it"
      case ENOMEM: "free some memory"
      default: "check the disk and try again"
      }
    return ModelFormatError(
      .unreadable, "it can't be read: \(systemMessage(number)); \(remedy)", path: path)
  }
}

/// The system's words for an error number.
func systemMessage(_ number: CInt) -> String {
  strerror(number).map { String(cString: $0) } ?? "error \(number)"
}

/// The result of a system call that is repeated as long as a signal interrupts it.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Whole files, written so that a reader sees the old one or the new one and never a part.
package enum AtomicFile {
  /// Writes a file, or leaves what was there untouched.
  ///
  /// The bytes go to a temporary file in the same folder, which is synced and renamed over `path`; then the folder
  /// is synced. If any step fails the temporary file is removed. A symbolic link at `path` is replaced, not followed.
  /// Throws ``ModelFormatError`` with code `unwritable`.
  package static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(ModelFormatError) {
    try write(to: path) { (append) throws(ModelFormatError) in try append(bytes) }
  }

  /// Writes a file in pieces, so that a large one need not be assembled in memory; see ``write(_:to:)``.
  ///
  /// `body` calls `append` with one piece after the other.
  package static func write(
    to path: String,
    _ body: (_ append: (UnsafeRawBufferPointer) throws(ModelFormatError) -> Void) throws(ModelFormatError) ->
      Void
  ) throws(ModelFormatError) {
    let mode = try targetMode(path)
    let folder = folder(of: path)
    let (descriptor, temporary) = try createTemporary(in: folder, mode: mode, for: path)
    do throws(ModelFormatError) {
      do throws(ModelFormatError) {
        try body { (bytes) throws(ModelFormatError) in try append(bytes, to: descriptor, for: path) }
        guard sync(descriptor) == 0 else { throw unwritable(path, errno) }
      } catch {
        close(descriptor)
        throw error
      }
      guard close(descriptor) == 0 || errno == EINTR else { throw unwritable(path, errno) }
      guard rename(temporary, path) == 0 else { throw unwritable(path, errno) }
    } catch {
      unlink(temporary)
      throw error
    }
    try syncFolder(folder, for: path)
  }

  /// All bytes of a regular file; throws ``ModelFormatError`` with code `unreadable`.
  package static func read(_ path: String) throws(ModelFormatError) -> [UInt8] {
    try read(OpenFile(reading: path), path)
  }

  /// The same, or nil of a file of more than `limit` bytes, which is not read.
  package static func read(_ path: String, limit: Int) throws(ModelFormatError) -> [UInt8]? {
    let file = try OpenFile(reading: path)
    guard file.size <= limit else { return nil }
    return try read(file, path)
  }

  private static func read(_ file: borrowing OpenFile, _ path: String) throws(ModelFormatError) -> [UInt8] {
    let (descriptor, size) = (file.descriptor, file.size)
    var failure: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      let memory = UnsafeMutableRawBufferPointer(buffer)
      while count < memory.count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: memory[count...])
        let done = retrying { posixRead(descriptor, rest.baseAddress, min(rest.count, largestTransfer)) }
        if done < 0 { failure = errno }
        guard done > 0 else { return }
        count += done
      }
    }
    guard failure == 0 else { throw OpenFile.unreadable(path, failure) }
    return bytes
  }
}

extension AtomicFile {
  /// One call moves at most this much: some systems refuse more than 2³¹ − 1 bytes.
  private static let largestTransfer = 1 << 30

  private static func append(
    _ bytes: UnsafeRawBufferPointer, to descriptor: CInt, for path: String
  ) throws(ModelFormatError) {
    var start = 0
    while start < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
      let done = retrying { posixWrite(descriptor, rest.baseAddress, min(rest.count, largestTransfer)) }
      guard done > 0 else { throw unwritable(path, done < 0 ? errno : EIO) }
      start += done
    }
  }

  /// The permissions that the new file gets: those of the file that it replaces, or the user's default.
  private static func targetMode(_ path: String) throws(ModelFormatError) -> mode_t? {
    guard !path.utf8.contains(0), !path.isEmpty, path.utf8.last != UInt8(ascii: "/") else {
      throw ModelFormatError(.unwritable, "the path isn't a file's; give the path of a file", path: path)
    }
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    // A rename would replace a device such as /dev/null by a plain file.
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ModelFormatError(
        .unwritable, "it is a folder or a device, not a file; choose another path", path: path)
    }
    return status.st_mode & 0o777
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Creates a file that nobody else has: the name holds the process and a counter, and creation is exclusive.
  private static func createTemporary(
    in folder: String, mode: mode_t?, for path: String
  ) throws(ModelFormatError) -> (descriptor: CInt, path: String) {
    for counter in 0..<10_000 {
      let name = "\(folder)/.signet-\(getpid())-\(counter).tmp"
      let descriptor = retrying { open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
      if descriptor >= 0 {
        if let mode { fchmod(descriptor, mode) }
        return (descriptor, name)
      }
      guard errno == EEXIST else { throw unwritable(path, errno) }
    }
    throw ModelFormatError(
      .unwritable, "its folder is full of temporary files; remove the files '.signet-*.tmp' there", path: path
    )
  }

  private static func sync(_ descriptor: CInt) -> CInt {
    #if canImport(Darwin)
    // There, fsync leaves the data in the drive's cache.
    if fcntl(descriptor, F_FULLFSYNC) == 0 { return 0 }
    #endif
    return retrying { fsync(descriptor) }
  }

  /// Makes the rename itself survive a power cut, where the file system can.
  private static func syncFolder(_ folder: String, for path: String) throws(ModelFormatError) {
    let descriptor = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    // A folder may be writable without being readable; then there is nothing to sync.
    guard descriptor >= 0 else { return }
    let result = sync(descriptor)
    let number = errno
    close(descriptor)
    guard result == 0 || number == EINVAL || number == ENOTSUP else {
      throw ModelFormatError(
        .unwritable,
        "the new file is in place, but its folder can't be synced: \(systemMessage(number)); check the disk",
        path: path)
    }
  }

  private static func unwritable(_ path: String, _ number: CInt) -> ModelFormatError {
    let remedy =
      switch number {
      case ENOSPC, EDQUOT: "the disk or your quota is full: free some space or choose another folder"
      case EROFS: "the file system is read-only: choose another folder"
      case EACCES, EPERM:
        "the folder is not writable for you: change its permissions or choose another folder"
      case ENOENT, ENOTDIR: "the folder doesn't exist: create it or choose another one"
      case EFBIG: "the limit on the size of a file is reached: raise it (ulimit -f) or choose another folder"
      case ENAMETOOLONG: "choose a shorter name"
      default: "check the disk and try again"
      }
    return ModelFormatError(
      .unwritable, "it can't be written: \(systemMessage(number)); \(remedy)", path: path)
  }
}

// Inside `AtomicFile` the names `read` and `write` are its own.
private func posixRead(_ descriptor: CInt, _ memory: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(descriptor, memory, count)
}

private func posixWrite(_ descriptor: CInt, _ memory: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, memory, count)
}

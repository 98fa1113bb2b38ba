// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The few questions that readers ask of the file system, answered by libc.
package enum FileSystem {
  /// What a path leads to, links followed.
  enum Kind {
    case file
    case folder
    case absent
  }

  /// What is at `path`; anything that is neither folder nor absent counts as a file.
  static func kind(of path: String) -> Kind {
    var status = stat()
    guard stat(path, &status) == 0 else { return .absent }
    return status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
  }

  /// Whether there is a folder at `path`; a link to nothing is none.
  ///
  /// - Throws: ``DataError`` with code `.systemFailure`, where that can't be told.
  static func isFolder(_ path: String) throws(DataError) -> Bool {
    var status = stat()
    if stat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR }
    let error = systemError("examine the file", path: path)
    guard error.isOfFile else { throw error }
    return false
  }

  /// What the index of a folder keeps of a file or folder; links followed.
  struct Stamp: Hashable {
    /// Bytes.
    var size: Int64
    /// When the content was changed last, in nanoseconds since 1970.
    var modified: Int64

    /// Of a file that can't be looked at.
    static let unknown = Stamp(size: -1, modified: 0)

    init(size: Int64, modified: Int64) {
      (self.size, self.modified) = (size, modified)
    }

    fileprivate init(_ status: stat) {
      #if canImport(Darwin)
      let time = status.st_mtimespec
      #else
      let time = status.st_mtim
      #endif
      size = Int64(status.st_size)
      modified = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
  }

  /// Size and time of a file or folder.
  ///
  /// - Throws: ``DataError`` with code `.notFound`, `.unreadable` or `.systemFailure`.
  static func stamp(of path: String) throws(DataError) -> Stamp {
    var status = stat()
    guard stat(path, &status) == 0 else { throw systemError("examine the file", path: path) }
    return Stamp(status)
  }

  /// The path without links and dots; the path itself if there is nothing there.
  static func resolved(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// A variable of the process's environment; `nil` if it is empty as well.
  static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  /// Makes a folder with those above it; what fails is told by the writing that follows.
  static func makeFolders(_ path: String) {
    var folder = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      folder = folder.isEmpty ? String(part) : join(folder, String(part))
      mkdir(folder, 0o777)
    }
  }

  /// Removes a file that may be there.
  ///
  /// - Returns: whether it is gone.
  static func remove(_ path: String) -> Bool { unlink(path) == 0 || errno == ENOENT }

  /// Now, in nanoseconds since 1970.
  static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// `folder/name`, with one slash between them.
  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// The names in a folder without hidden ones, in the order of their UTF-8 bytes, whatever the locale.
  ///
  /// - Throws: ``DataError`` with code `.notFound` or `.unreadable`.
  static func names(in folder: String) throws(DataError) -> [String] {
    guard let handle = opendir(folder) else { throw systemError("open the folder", path: folder) }
    defer { closedir(handle) }
    guard let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) else { return [] }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(handle) else {
        if errno != 0 { throw systemError("list the folder", path: folder) }
        break
      }
      // Names can be longer than the imported tuple, so they are read in place.
      let start = (UnsafeRawPointer(entry) + nameOffset).assumingMemoryBound(to: CChar.self)
      let name = String(cString: start)
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// All bytes of a file.
  ///
  /// - Throws: ``DataError`` if it can't be read, is a folder, or has more than `limit` bytes.
  package static func contents(of path: String, limit: Int) throws(DataError) -> [UInt8] {
    var bytes: [UInt8] = []
    try load(path, limit: limit, into: &bytes)
    return bytes
  }

  /// All bytes of a file, in an array whose memory is used again; or its first ones only.
  ///
  /// - Returns: size and time of the whole file.
  /// - Throws: ``DataError`` if it can't be read, is no file, or has more than `limit` bytes.
  @discardableResult
  static func load(
    _ path: String, limit: Int, first most: Int = .max, into bytes: inout [UInt8]
  ) throws(DataError) -> Stamp {
    bytes.removeAll(keepingCapacity: true)
    let (descriptor, stamp) = try openFile(path)
    defer { close(descriptor) }
    // The size may change meanwhile, and some files report none, so the limit is checked again while reading.
    let expected = max(Int(stamp.size), 0)
    guard expected <= limit else { throw tooLong(path, limit) }
    bytes.reserveCapacity(min(expected, most))
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { chunk.deallocate() }
    while bytes.count < most {
      let room = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, most - bytes.count)])
      let count = try readSome(descriptor, into: room, path: path)
      if count == 0 { break }
      guard bytes.count + count <= limit else { throw tooLong(path, limit) }
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<count]))
    }
    return stamp
  }

  /// Opens a file for reading; the caller closes the descriptor.
  ///
  /// - Throws: ``DataError``; `.unreadable` for what is no file, such as a folder, a pipe or a device.
  static func openFile(_ path: String) throws(DataError) -> (descriptor: Int32, stamp: Stamp) {
    // Without O_NONBLOCK the open of a pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { throw systemError("open the file", path: path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let error = systemError("examine the file", path: path)
      close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw DataError(
        .unreadable, "is a folder, a pipe or a device, not a file; give the path of a file", path: path)
    }
    return (descriptor, Stamp(status))
  }

  /// Reads up to `buffer.count` bytes; 0 at the end of the file only.
  static func readSome(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, path: String
  ) throws(DataError) -> Int {
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      if errno != EINTR { throw systemError("read the file", path: path) }
    }
  }

  /// Bytes of memory that this machine has; the largest number if it does not say.
  static var physicalMemory: Int {
    let (bytes, overflow) = Int(sysconf(Int32(_SC_PHYS_PAGES)))
      .multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE))))
    return overflow || bytes <= 0 ? .max : bytes
  }

  private static func systemError(_ action: String, path: String) -> DataError {
    let number = errno
    let reason = String(cString: strerror(number))
    switch number {
    case ENOENT, ENOTDIR:
      return DataError(.notFound, "cannot \(action): \(reason); check the path", path: path)
    case EACCES, EPERM, ELOOP, ENAMETOOLONG, EISDIR, ENXIO, ENODEV, EOVERFLOW, EINVAL:
      return DataError(
        .unreadable, "cannot \(action): \(reason); check the path and its permissions", path: path)
    default:
      return DataError(
        .systemFailure, "cannot \(action): \(reason); check the disk and the system, and try again",
        path: path)
    }
  }

  private static func tooLong(_ path: String, _ limit: Int) -> DataError {
    DataError(
      .tooLarge, "has more than \(limit) bytes, the most that is read; give a smaller file", path: path)
  }
}

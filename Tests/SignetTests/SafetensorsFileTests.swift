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

/// Archives on disk: written whole or not at all, and mapped on reading.
@Suite(.serialized) struct SafetensorsFileTests {
  /// Oracle: the archive encoded in memory.
  @Test func theFileHoldsTheEncodedBytes() throws {
    try SafetensorsSamples.withTemporaryFolder { folder in
      var writer = TensorArchiveWriter(metadata: ["k": "v"])
      writer.add("b", shape: [3], bytes: [1, 2, 3])
      writer.add("f", shape: [2], floats: [0.25, -8])
      writer.add("none", shape: [0, 9], words: [])
      let path = "\(folder)/m.signet"
      for _ in 0..<2 {
        try writer.write(to: path)
        #expect(try AtomicFile.read(path) == writer.encoded())
        #expect(SafetensorsSamples.names(in: folder) == ["m.signet"])
      }
      let archive = try TensorArchive(path: path)
      #expect(archive.path == path)
      #expect(archive.fileSize == writer.encodedSize)
      #expect(try archive.floats("f", shape: [2]) == [0.25, -8])
      #expect(try archive.words("none") == [])
      // A mapped archive keeps its bytes when the file is replaced, and when it is gone.
      try TensorArchiveWriter(metadata: [:]).write(to: path)
      unlink(path)
      #expect(try archive.bytes("b") == [1, 2, 3])
    }
  }

  @Test func aDamagedFileIsRefusedWithItsPath() throws {
    try SafetensorsSamples.withTemporaryFolder { folder in
      let path = "\(folder)/m.signet"
      let bytes = SafetensorsSamples.archive()
      for length in [0, 1, 7, 8, 9, 100, bytes.count - 1] {
        try SafetensorsSamples.put(Array(bytes.prefix(length)), at: path)
        let error = #expect(throws: ModelFormatError.self) { try TensorArchive(path: path) }
        #expect(error?.code == .truncated)
        #expect(error?.path == path)
      }
      var flipped = bytes
      flipped[bytes.count - 3] ^= 4
      try SafetensorsSamples.put(flipped, at: path)
      let error = #expect(throws: ModelFormatError.self) { try TensorArchive(path: path) }
      #expect(error?.code == .checksumMismatch)
      #expect(throws: Never.self) { try TensorArchive(path: path, verifyingChecksum: false) }
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    try SafetensorsSamples.withTemporaryFolder { folder in
      let pipe = "\(folder)/pipe"
      try #require(mkfifo(pipe, 0o600) == 0)
      for path in [folder, "/dev/null", "\(folder)/missing", "", "\(folder)/a\0b", pipe, "\(pipe)/x"] {
        let mapped = #expect(throws: ModelFormatError.self) { try TensorArchive(path: path) }
        #expect(mapped?.code == .unreadable)
        let read = #expect(throws: ModelFormatError.self) { try AtomicFile.read(path) }
        #expect(read?.code == .unreadable)
        #expect(read?.path == path)
      }
      let missing = #expect(throws: ModelFormatError.self) { try AtomicFile.read("\(folder)/missing") }
      #expect(missing?.message.contains("No such file") == true)
    }
  }

  @Test func aPathThatCannotBeWrittenIsRefused() throws {
    try SafetensorsSamples.withTemporaryFolder { folder in
      let file = "\(folder)/file"
      try SafetensorsSamples.put([1, 2, 3], at: file)
      let long = "\(folder)/" + String(repeating: "n", count: 300)
      let writer = TensorArchiveWriter(metadata: [:])
      for path in [
        "\(file)/child", "\(folder)/missing/m", folder, "/dev/null", "", "\(folder)/", "\(folder)/a\0b", long,
      ] {
        let error = #expect(throws: ModelFormatError.self) { try writer.write(to: path) }
        #expect(error?.code == .unwritable, "\(path)")
        #expect(error?.path == path)
      }
      let missing = #expect(throws: ModelFormatError.self) { try writer.write(to: "\(folder)/missing/m") }
      #expect(missing?.message.contains("create it") == true)
      #expect(SafetensorsSamples.names(in: folder) == ["file"])
      #expect(try AtomicFile.read(file) == [1, 2, 3])
    }
  }

  /// Oracle: the permissions of the file that was there.
  @Test func aReplacedFileKeepsItsPermissions() throws {
    try SafetensorsSamples.withTemporaryFolder { folder in
      let path = "\(folder)/m.signet"
      try SafetensorsSamples.put([1], at: path)
      try #require(chmod(path, 0o640) == 0)
      try TensorArchiveWriter(metadata: [:]).write(to: path)
      var status = stat()
      try #require(stat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o640)
    }
  }

  /// A leftover of a process that was killed, and many writers at once; oracle: one of the contents, whole.
  @Test func writersDoNotDisturbEachOther() async throws {
    let folder = try #require(mkdtempPath())
    defer {
      for name in SafetensorsSamples.names(in: folder) { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    let leftover = ".signet-\(getpid())-0.tmp"
    try SafetensorsSamples.put([0], at: "\(folder)/\(leftover)")
    let path = "\(folder)/m"
    try await withThrowingTaskGroup(of: Void.self) { group in
      for value in 0..<32 {
        group.addTask {
          try [UInt8](repeating: UInt8(value), count: 10_000).withUnsafeBytes {
            try AtomicFile.write($0, to: path)
          }
        }
      }
      try await group.waitForAll()
    }
    let bytes = try AtomicFile.read(path)
    #expect(bytes.count == 10_000)
    #expect(Set(bytes).count == 1)
    #expect(SafetensorsSamples.names(in: folder) == [leftover, "m"])
  }

  /// A disk that is full in the middle of a write, stood for by the limit on the size of a file, in a process of its own.
  ///
  /// Oracle: the old file's bytes, and a folder without leftovers.
  @Test func aWriteThatFailsLeavesTheOldFileWhole() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let folder = try #require(mkdtempPath())
      let path = "\(folder)/m.signet"
      let old = SafetensorsSamples.archive()
      try old.withUnsafeBytes { try AtomicFile.write($0, to: path) }
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
      #if canImport(Glibc)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
      #else
      try #require(setrlimit(RLIMIT_FSIZE, &limit) == 0)
      #endif
      var writer = TensorArchiveWriter(metadata: [:])
      writer.add("large", shape: [5000], floats: [Float](repeating: 1, count: 5000))
      var failure: ModelFormatError?
      do throws(ModelFormatError) {
        try writer.write(to: path)
      } catch {
        failure = error
      }
      let isWhole = try AtomicFile.read(path) == old
      let names = SafetensorsSamples.names(in: folder)
      unlink(path)
      rmdir(folder)
      guard failure?.code == .unwritable, failure?.path == path else { exit(1) }
      guard failure?.message.contains("limit on the size") == true else { exit(2) }
      guard isWhole else { exit(3) }
      guard names == ["m.signet"] else { exit(4) }
      exit(42)
    }
  }
}

/// The path of a new empty folder.
private func mkdtempPath() -> String? {
  var template = Array("/tmp/signet-tests-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { return nil }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

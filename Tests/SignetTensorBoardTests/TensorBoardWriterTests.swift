// SPDX-License-Identifier: Apache-2.0

import Foundation
import SignetTensorBoard
import SwiftProtobuf
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite struct TensorBoardWriterTests {
  /// Oracle: the length written out by hand, and the independent reader.
  @Test func recordFraming() throws {
    let framed = TFRecordFile.framed([UInt8](repeating: 0xAB, count: 300))
    #expect(framed.count == 8 + 4 + 300 + 4)
    #expect(Array(framed[0..<8]) == [0x2C, 0x01, 0, 0, 0, 0, 0, 0])
    #expect(try RecordReader.records(of: framed) == [[UInt8](repeating: 0xAB, count: 300)])
    #expect(try RecordReader.records(of: TFRecordFile.framed([])) == [[]])
  }

  /// Oracle: any flipped byte must be found by an independent reader.
  @Test func everyByteIsProtected() {
    let framed = TFRecordFile.framed([1, 2, 3])
    for index in framed.indices {
      var damaged = framed
      damaged[index] ^= 0x10
      // A longer length must not be mistaken for a valid record either, so an error is the only right answer.
      #expect(throws: RecordReader.Damaged.self) { try RecordReader.records(of: damaged) }
    }
  }

  /// Oracle: the values that went in, read by SwiftProtobuf from records cut by the independent reader.
  @Test func roundTrip() throws {
    try withFolder { folder in
      let before = Date().timeIntervalSince1970
      let writer = try TensorBoardWriter(directory: folder)
      let values: [Float] = [0, -1.5, .infinity, .leastNonzeroMagnitude, .nan]
      for (step, value) in values.enumerated() {
        try writer.scalar("train/loss ä", value, step: step * 1_000_000_007)
      }
      try writer.close()
      let after = Date().timeIntervalSince1970

      let events = try events(in: writer.path)
      #expect(events.count == 6)
      #expect(events.first?.what == .fileVersion("brain.Event:2"))
      for (step, (event, value)) in zip(events.dropFirst(), values).enumerated() {
        let point = try #require(event.summary.value.first)
        #expect(event.summary.value.count == 1)
        #expect(point.tag == "train/loss ä")
        #expect(point.simpleValue.bitPattern == value.bitPattern)
        #expect(event.step == Int64(step * 1_000_000_007))
        #expect((before...after).contains(event.wallTime))
        #expect(event.unknownFields.data.isEmpty)
      }
    }
  }

  /// Oracle: the wire bytes written out by hand from the field numbers in TensorBoard's own descriptors
  /// (`Event` 1, 2, 5; `Summary` 1; `Summary.Value` 1, 2).
  @Test func fieldNumbers() throws {
    try withFolder { folder in
      let writer = try TensorBoardWriter(directory: folder)
      try writer.scalar("t", 1, step: 5)
      try writer.close()
      let records = try RecordReader.records(of: [UInt8](Data(contentsOf: URL(filePath: writer.path))))
      let event = try #require(records.last)
      #expect(event[0] == 0x09)  // field 1, 64-bit: wall_time
      #expect(Array(event[9...10]) == [0x10, 0x05])  // field 2, varint: step
      #expect(Array(event[11...12]) == [0x2A, 10])  // field 5, bytes: summary
      #expect(Array(event[13...14]) == [0x0A, 8])  // summary field 1, bytes: value
      // Value: field 1, bytes: tag; field 2, 32-bit: simple_value, 1.0 little-endian.
      #expect(Array(event[15...]) == [0x0A, 1, UInt8(ascii: "t"), 0x15, 0, 0, 0x80, 0x3F])
    }
  }

  /// Oracle: 20 000 events are more than the buffer, so some must be in the file before the flush.
  @Test func flushMakesEventsVisible() throws {
    try withFolder { folder in
      let writer = try TensorBoardWriter(directory: folder)
      #expect(try events(in: writer.path).count == 1)
      for step in 0..<20_000 { try writer.scalar("loss", Float(step), step: step) }
      let early = try events(in: writer.path).count
      #expect(early > 1 && early < 20_001)
      try writer.flush()
      #expect(try events(in: writer.path).map(\.step) == [0] + (0..<20_000).map(Int64.init))
      try writer.close()
      try writer.close()
      #expect(throws: TensorBoardError.self) { try writer.scalar("loss", 0, step: 0) }
    }
  }

  /// Oracle: TensorBoard takes a file for an event file if its name has "tfevents"; ours must not collide.
  @Test func fileNames() throws {
    try withFolder { folder in
      let writers = try (0..<3).map { _ in try TensorBoardWriter(directory: folder) }
      #expect(Set(writers.map(\.path)).count == 3)
      for writer in writers {
        let name = URL(filePath: writer.path).lastPathComponent
        #expect(name.hasPrefix("events.out.tfevents."))
        #expect(name.contains(".\(ProcessInfo.processInfo.processIdentifier)"))
      }
    }
  }

  /// Oracle: a dropped writer's events are on disk all the same.
  @Test func droppedWriterKeepsItsEvents() throws {
    try withFolder { folder in
      let path = try {
        let writer = try TensorBoardWriter(directory: folder)
        try writer.scalar("loss", 1, step: 1)
        return writer.path
      }()
      #expect(try events(in: path).count == 2)
    }
  }

  /// Oracle: the error names the path; nothing is created.
  @Test func errorsNameThePath() throws {
    try withFolder { folder in
      let missing = folder + "/missing/deeper"
      let error = #expect(throws: TensorBoardError.self) { try TensorBoardWriter(directory: missing) }
      #expect(error?.code == .folder)
      #expect(error?.description.contains(missing) == true)

      let file = folder + "/file"
      try Data().write(to: URL(filePath: file))
      let blocked = #expect(throws: TensorBoardError.self) { try TensorBoardWriter(directory: file) }
      #expect(blocked?.code == .create)
      #expect(blocked?.description.contains(file) == true)
    }
  }

  #if canImport(Glibc)
  /// Oracle: /dev/full answers every write with ENOSPC; what could not be written is written by a later flush.
  @Test func fullDiskKeepsTheEvents() throws {
    try withFolder { folder in
      let descriptor = open("/dev/full", O_WRONLY)
      var file = TFRecordFile(descriptor: descriptor, path: folder + "/file")
      try file.append([1, 2, 3])
      let error = #expect(throws: TensorBoardError.self) { try file.flush() }
      #expect(error?.code == .write)
      #expect(error?.errorNumber == ENOSPC)
      #expect(error?.description.contains(folder + "/file") == true)

      let roomy = open(folder + "/file", O_WRONLY | O_CREAT, 0o644)
      #expect(dup2(roomy, descriptor) == descriptor)
      try file.close()
      #expect(Glibc.close(roomy) == 0)
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: folder + "/file")))
      #expect(try RecordReader.records(of: bytes) == [[1, 2, 3]])
    }
  }

  /// Oracle: a memory file sealed against growing takes two pages of the record and refuses the rest.
  @Test func halfWrittenRecordIsCutOff() throws {
    // Linux's numbers and function; Swift does not import them.
    let allowSealing: UInt32 = 2
    let (addSeals, sealGrow): (Int32, Int32) = (1033, 4)
    typealias Create = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
    let symbol = try #require(dlsym(dlopen(nil, RTLD_NOW), "memfd_create"))
    let descriptor = unsafeBitCast(symbol, to: Create.self)("signet", allowSealing)
    try #require(descriptor >= 0)
    let watched = dup(descriptor)
    defer { _ = Glibc.close(watched) }
    try #require(ftruncate(descriptor, 8192) == 0)
    try #require(fcntl(descriptor, addSeals, sealGrow) == 0)
    var file = TFRecordFile(descriptor: descriptor, path: "memory")
    try file.append([1, 2, 3])
    try file.flush()
    try file.append([UInt8](repeating: 7, count: 10_000))
    let error = #expect(throws: TensorBoardError.self) { try file.flush() }
    #expect(error?.code == .write)
    #expect(lseek(watched, 0, SEEK_END) == 8 + 4 + 3 + 4)
  }
  #endif

  private func events(in path: String) throws -> [TensorBoardEvent] {
    try RecordReader.records(of: [UInt8](Data(contentsOf: URL(filePath: path))))
      .map { try TensorBoardEvent(serializedBytes: $0) }
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "signet tensorboard \(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path(percentEncoded: false))
  }
}

// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes the scalars of a run as an event file that TensorBoard opens.
///
/// The file is `events.out.tfevents.<seconds since 1970>.<host>.<process>` in the run's folder; each writer makes
/// a new one, and TensorBoard joins the files of a folder.
/// Events are buffered; call ``flush()`` when a reader should see them, and ``close()`` at the end.
package final class TensorBoardWriter: Sendable {
  /// Where the events go.
  package let path: String
  private let file: Mutex<TFRecordFile>

  /// Creates the event file, and its folder if only that is missing.
  /// - Throws: ``TensorBoardError`` with code `.folder`, `.create` or `.write`.
  package init(directory: String) throws(TensorBoardError) {
    // mkdir also reports a folder that exists; a file in its place shows when the event file is created.
    if mkdir(directory, 0o755) != 0 && errno != EEXIST {
      throw TensorBoardError(.folder, path: directory, errorNumber: errno)
    }
    let base = "\(directory)/events.out.tfevents.\(Int(Self.now())).\(Self.hostName()).\(getpid())"
    var file = try Self.createFile(base)
    path = file.path
    var event = TensorBoardEvent()
    event.wallTime = Self.now()
    event.fileVersion = "brain.Event:2"
    try file.append(Self.encoded(event, path: file.path))
    try file.flush()
    self.file = Mutex(file)
  }

  /// Adds one point to the curve of a tag, at the current time.
  ///
  /// A tag's part before the first `/` is the section that TensorBoard shows it in. NaN and infinities are kept.
  /// - Throws: ``TensorBoardError`` with code `.closed`, or `.write` if the buffer was full and can't be written.
  package func scalar(_ tag: String, _ value: Float, step: Int) throws(TensorBoardError) {
    var point = TensorBoardSummary.Value()
    point.tag = tag
    point.simpleValue = value
    var event = TensorBoardEvent()
    event.wallTime = Self.now()
    event.step = Int64(step)
    event.summary.value = [point]
    let data = try Self.encoded(event, path: path)
    try file.withLock { (file) throws(TensorBoardError) in try file.append(data) }
  }

  /// Writes the collected events, so that a running TensorBoard sees them.
  /// - Throws: ``TensorBoardError`` with code `.write`; the events are kept for another attempt.
  package func flush() throws(TensorBoardError) {
    try file.withLock { (file) throws(TensorBoardError) in try file.flush() }
  }

  /// Writes the collected events and closes the file; closing twice is harmless.
  /// - Throws: ``TensorBoardError`` with code `.write`.
  package func close() throws(TensorBoardError) {
    try file.withLock { (file) throws(TensorBoardError) in try file.close() }
  }

  /// Two writers of one process may start in the same second: the later one gets a number at its name's end.
  private static func createFile(_ base: String) throws(TensorBoardError) -> TFRecordFile {
    var attempt = 0
    while true {
      do throws(TensorBoardError) {
        return try TFRecordFile(creating: attempt == 0 ? base : "\(base).\(attempt)")
      } catch {
        guard error.errorNumber == EEXIST && attempt < 1000 else { throw error }
        attempt += 1
      }
    }
  }

  private static func encoded(
    _ event: TensorBoardEvent, path: String
  ) throws(TensorBoardError) -> [UInt8] {
    do {
      return try event.serializedBytes()
    } catch {
      // Only a message above 2 GiB fails here: a tag of that length.
      throw TensorBoardError(.write, path: path, errorNumber: EMSGSIZE)
    }
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// The machine's name with only characters that are safe in a file name.
  private static func hostName() -> String {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
    let name = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let safe = name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
    return safe.isEmpty ? "localhost" : safe
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTensorBoard
import SignetTraining

/// The figures of a run: a line of JSON for each step and epoch, and the same as TensorBoard curves.
final class RunLog {
  private let path: String
  private let file: FileHandle
  private let curves: TensorBoardWriter
  private var buffer: [UInt8] = []
  private let start = ContinuousClock().now

  /// Opens the log of a run; lines of what `resumed` has not done are dropped, they will be written anew.
  init(folder: RunFolder, after resumed: Trainer?) throws {
    path = folder.metricsPath
    var (kept, text) = ([MetricsLine](), [UInt8]())
    if let resumed, FileManager.default.fileExists(atPath: path) {
      (kept, text) = MetricsLine.lines(
        in: try AtomicFile.read(path), through: resumed.step, epochs: resumed.epoch)
    }
    try text.withUnsafeBytes { try AtomicFile.write($0, to: folder.metricsPath) }
    guard let handle = FileHandle(forWritingAtPath: path) else {
      throw TrainingError(.badRun, "\(path) can't be opened for writing; check the folder's rights")
    }
    file = handle
    try file.seekToEnd()
    // The curves are the metrics once more, so they are drawn anew rather than mended.
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where name.hasPrefix("events.out.tfevents.") {
      try FileManager.default.removeItem(atPath: folder.path + "/" + name)
    }
    curves = try TensorBoardWriter(directory: folder.path)
    try drawing { for line in kept { try draw(line) } }
  }

  func write(_ event: TrainingEvent) throws {
    let line = MetricsLine(event, seconds: seconds)
    buffer.append(contentsOf: try line.encoded())
    try drawing { try draw(line) }
  }

  /// Brings everything so far to the disk; called before a checkpoint, so that the log never lags behind it.
  func flush() throws {
    let size = try file.offset()
    var done = 0
    while done < buffer.count {
      let count = buffer[done...].withUnsafeBytes {
        Foundation.write(file.fileDescriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw unwritten(path, after: size) }
      done += count
    }
    guard fsync(file.fileDescriptor) == 0 else { throw unwritten(path, after: size) }
    buffer.removeAll(keepingCapacity: true)
    try drawing { try curves.flush() }
  }

  /// Whatever touches the curves may have to write them.
  private func drawing(_ body: () throws -> Void) throws {
    do { try body() } catch { throw TrainingError(.badRun, "\(error), then go on with --resume") }
  }

  /// Cuts what was written of the last lines off again: the file ends with a whole line.
  private func unwritten(_ path: String, after size: UInt64) -> TrainingError {
    let reason = String(cString: strerror(errno))
    try? file.truncate(atOffset: size)
    return TrainingError(.badRun, "\(path) can't be written: \(reason); free space, then go on with --resume")
  }

  func close() throws {
    try flush()
    try drawing { try curves.close() }
    try file.close()
  }

  private var seconds: Double { start.duration(to: ContinuousClock().now).seconds }

  private func draw(_ line: MetricsLine) throws {
    let step = line.step
    if line.kind == .step {
      try curves.scalar("loss/step", Float(line.loss), step: step)
      try curves.scalar("learning_rate", line.learningRate, step: step)
      for (layer, share) in (line.signChanges ?? [:]).sorted(by: { $0.key < $1.key }) {
        try curves.scalar("sign_change/\(layer)", Float(share), step: step)
      }
      return
    }
    try curves.scalar("loss/epoch", Float(line.loss), step: step)
    try curves.scalar("top1/training", Float(line.trainingTop1), step: step)
    if let top1 = line.validationTop1 { try curves.scalar("top1/validation", Float(top1), step: step) }
  }
}

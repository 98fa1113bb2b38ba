// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import SignetTraining

/// The folder of a training run.
struct RunFolder {
  let path: String
  private let lock: FolderLock

  init(_ path: String) {
    self.path = path
    lock = FolderLock(path, of: "run")
  }

  /// Keeps other processes from the folder, if it is there, for as long as this value or a copy of it is kept.
  func lockOut() throws { try lock.take() }

  var checkpointPath: String { path + "/checkpoint.safetensors" }
  var modelPath: String { path + "/model.signet" }
  var configurationPath: String { path + "/config.yaml" }
  /// Where earlier checkpoints are, if more than one is kept.
  var kept: KeptCheckpoints { KeptCheckpoints(path: path + "/checkpoints") }
  var metricsPath: String { path + "/metrics.jsonl" }
  /// The image files that could not be read, if such files are passed over.
  var skippedPath: String { path + "/skipped.txt" }

  /// Refuses a folder that has something in it, and a file; `new` is what would be made in it.
  func checkIsFree(of new: String = "run") throws {
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    guard manager.fileExists(atPath: path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else {
      throw TrainingError(.badRun, "\(path) is a file; name a new folder with --output")
    }
    let contents = try manager.contentsOfDirectory(atPath: path).filter { !Self.isLeftover($0) }
    guard !contents.isEmpty else { return }
    let problem =
      if new == "run", contents.contains("checkpoint.safetensors") {
        "holds another run; go on with it with --resume, or name a new folder with --output"
      } else if new == "run", contents.contains("config.yaml") {
        "holds a run that stopped before its first checkpoint; remove it, or name a new folder with --output"
      } else {
        "is not empty; name a new folder with --output"
      }
    throw TrainingError(.badRun, "\(path) \(problem)")
  }

  /// Makes a new run's folder, with those above it; one that has something in it is left alone.
  func create(_ configuration: RunConfiguration, checkpoints: CheckpointPlan) throws {
    try checkIsFree()
    try Self.makeFolder(path)
    try lockOut()
    // Another process may have had the folder meanwhile.
    try checkIsFree()
    removeLeftovers()
    try write(configuration, checkpoints: checkpoints)
  }

  /// Writes what is needed to repeat the run, if it is not there as it should be: it may have changed, or a kill came before.
  func write(_ configuration: RunConfiguration, checkpoints: CheckpointPlan) throws {
    let before = configurationText
    let text = try ConfigurationText.file(configuration, checkpoints: checkpoints, before: before)
    if text != before { try write(Array(text.utf8), to: configurationPath) }
  }

  private var configurationText: String? { try? String(contentsOfFile: configurationPath, encoding: .utf8) }

  /// How the run keeps checkpoints so far; one that is from before that was written down, as many as there are.
  var checkpoints: CheckpointPlan {
    var plan = ConfigurationText.checkpoints(in: configurationText ?? "")
    if plan.keep == nil, kept.count > 1 { plan.keep = kept.count }
    return plan
  }

  /// Makes a folder with those above it, if it is not there.
  static func makeFolder(_ path: String) throws {
    var folder = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      folder += folder.isEmpty || folder.hasSuffix("/") ? part : "/" + part
      // A failure is told by errno: EEXIST is also what a file gives, and then the next step fails.
      if mkdir(folder, 0o777) != 0, errno != EEXIST {
        throw TrainingError(
          .badRun,
          "\(path) can't be made: \(folder): \(String(cString: strerror(errno))); name a folder that can be written with --output"
        )
      }
    }
  }

  /// The checkpoint of a run that is to be resumed; if it is damaged or lost, the newest of those kept, which is told.
  func checkpoint(tell: (String) -> Void = { _ in }) throws -> Checkpoint {
    removeLeftovers()
    do {
      guard FileManager.default.fileExists(atPath: checkpointPath) else { throw missingCheckpoint }
      let checkpoint = try Checkpoint(path: checkpointPath)
      kept.mend(checkpoint, from: checkpointPath)
      return checkpoint
    } catch {
      guard let (path, checkpoint) = kept.newest else { throw error }
      tell("\(error)\ngoing on from \(path) instead, step \(checkpoint.trainer.step)")
      return checkpoint
    }
  }

  private var missingCheckpoint: TrainingError {
    let isRun = FileManager.default.fileExists(atPath: configurationPath)
    return TrainingError(
      .badRun,
      isRun
        ? "\(path) has no checkpoint to resume: the run stopped before its first; remove the folder, and start without --resume"
        : "\(path) has no checkpoint to resume; start the run without --resume")
  }

  /// Replaces checkpoint and model, each as a whole; the checkpoint last, since a run resumed from the old one makes the
  /// model again.
  func save(checkpoint: Checkpoint, model: [UInt8], keeping count: Int = 1) throws {
    try write(model, to: modelPath)
    try checkpoint.write(to: checkpointPath)
    try kept.add(checkpoint, at: checkpointPath, count: count)
  }

  /// Writes the list of the files that were passed over, if there are any.
  func save(skipped: SkippedImages?) throws {
    guard let skipped, skipped.count > 0 else { return }
    try write(Array(skipped.text.utf8), to: skippedPath)
  }

  /// The list of an earlier part of the run.
  var skippedText: String { (try? String(contentsOfFile: skippedPath, encoding: .utf8)) ?? "" }

  /// A process that was killed while it wrote leaves its temporary file.
  func removeLeftovers() {
    for folder in [path, kept.path] {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      where Self.isLeftover(name) {
        try? FileManager.default.removeItem(atPath: folder + "/" + name)
      }
    }
  }

  private static func isLeftover(_ name: String) -> Bool {
    name.hasPrefix(".signet-") && name.hasSuffix(".tmp")
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
  }
}

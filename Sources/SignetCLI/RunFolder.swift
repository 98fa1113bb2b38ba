// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining

/// The folder of a training run.
struct RunFolder {
  let path: String

  init(_ path: String) {
    self.path = path
  }

  var checkpointPath: String { path + "/checkpoint.safetensors" }
  var modelPath: String { path + "/model.signet" }
  var configurationPath: String { path + "/config.yaml" }
  var metricsPath: String { path + "/metrics.jsonl" }

  /// Refuses a folder that has something in it, and a file; `new` is what would be made in it.
  func checkIsFree(of new: String = "run") throws {
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    guard manager.fileExists(atPath: path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else {
      throw TrainingError(.badRun, "\(path) is a file; name a new folder with --output")
    }
    let contents = try manager.contentsOfDirectory(atPath: path)
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
  func create(_ configuration: RunConfiguration) throws {
    try checkIsFree()
    try Self.makeFolder(path)
    let text = try ConfigurationText.yaml(configuration)
    try write(
      Array("# A run of signet train; `signet train --resume --output DIR` goes on with it.\n\(text)".utf8),
      to: configurationPath)
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

  /// The checkpoint of a run that is to be resumed.
  func checkpoint() throws -> Checkpoint {
    guard FileManager.default.fileExists(atPath: checkpointPath) else {
      let isRun = FileManager.default.fileExists(atPath: configurationPath)
      throw TrainingError(
        .badRun,
        isRun
          ? "\(path) has no checkpoint to resume: the run stopped before its first; remove the folder, and start without --resume"
          : "\(path) has no checkpoint to resume; start the run without --resume")
    }
    removeLeftovers()
    return try Checkpoint(path: checkpointPath)
  }

  /// Replaces checkpoint and model, each as a whole; the checkpoint last, since a run resumed from the old one makes the
  /// model again.
  func save(checkpoint: Checkpoint, model: [UInt8]) throws {
    try write(model, to: modelPath)
    try checkpoint.write(to: checkpointPath)
  }

  /// A process that was killed while it wrote leaves its temporary file.
  func removeLeftovers() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    where name.hasPrefix(".signet-") && name.hasSuffix(".tmp") {
      try? FileManager.default.removeItem(atPath: path + "/" + name)
    }
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
  }
}

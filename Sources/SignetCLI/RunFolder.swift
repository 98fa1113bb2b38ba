// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Yams

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

  /// Makes a new run's folder; one that has something in it is left alone.
  func create(_ configuration: RunConfiguration) throws {
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    if manager.fileExists(atPath: path, isDirectory: &isFolder) {
      guard isFolder.boolValue else {
        throw TrainingError(.badRun, "\(path) is a file; name a new folder with --output")
      }
      let contents = try manager.contentsOfDirectory(atPath: path)
      guard contents.isEmpty else {
        let isRun = contents.contains("config.yaml") || contents.contains("checkpoint.safetensors")
        throw TrainingError(
          .badRun,
          isRun
            ? "\(path) holds another run; go on with it with --resume, or name a new folder with --output"
            : "\(path) is not empty; name a new folder with --output")
      }
    } else {
      do {
        try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
      } catch {
        throw TrainingError(
          .badRun, "\(path) can't be made: \(error.localizedDescription); name a folder that can be written with --output")
      }
    }
    let text = try YAMLEncoder().encode(configuration)
    try write(Array("# A run of signet train; `signet train --resume --output DIR` goes on with it.\n\(text)".utf8), to: configurationPath)
  }

  /// The checkpoint of a run that is to be resumed.
  func checkpoint() throws -> Checkpoint {
    guard FileManager.default.fileExists(atPath: checkpointPath) else {
      throw TrainingError(.badRun, "\(path) has no checkpoint to resume; start the run without --resume")
    }
    return try Checkpoint(path: checkpointPath)
  }

  /// Replaces checkpoint and model, each as a whole; the checkpoint last, since a resumed run makes the model again.
  func save(checkpoint: [UInt8], model: [UInt8]) throws {
    try write(model, to: modelPath)
    try write(checkpoint, to: checkpointPath)
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import SignetStudy
import SignetTraining

/// The folder of a study: its files, and a folder for each run.
struct StudyFolder {
  let path: String
  private let lock: FolderLock

  init(_ path: String) {
    self.path = path
    lock = FolderLock(path, of: "study")
  }

  var statePath: String { path + "/" + StudyDocument.fileName }

  func run(_ record: RunRecord) -> RunFolder { RunFolder(path + "/" + record.folder) }

  /// The study that is there; nil if the folder is new or empty.
  func state() throws -> StudyState? {
    RunFolder(path).removeLeftovers()
    if FileManager.default.fileExists(atPath: statePath) {
      return try StudyState(file: AtomicFile.read(statePath), path: statePath)
    }
    try RunFolder(path).checkIsFree(of: "study")
    return nil
  }

  /// Makes the folder of a new study, unless another process has just done so.
  func make() throws {
    try RunFolder.makeFolder(path)
    try lockOut()
    guard !FileManager.default.fileExists(atPath: statePath) else {
      throw TrainingError(
        .badRun,
        "\(path): another process has just begun a study there; give the command again to go on with it")
    }
  }

  /// Keeps other processes from the folder, if it is there, until this one ends.
  func lockOut() throws { try lock.take() }

  /// What a run that was stopped goes on from; nil for a new one.
  ///
  /// `folder` is the run's, and is locked.
  func stored(_ record: RunRecord, in folder: RunFolder) throws -> Trainer? {
    try RunFolder.makeFolder(folder.path)
    try folder.lockOut()
    guard FileManager.default.fileExists(atPath: folder.checkpointPath) else {
      // Stopped before its first checkpoint: nothing in it is worth anything.
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
        try? FileManager.default.removeItem(atPath: folder.path + "/" + name)
      }
      return nil
    }
    let trainer = try folder.checkpoint().trainer
    guard trainer.configuration == record.configuration else {
      throw TrainingError(
        .badRun,
        "\(folder.path) is another run than the study's \(record.label); restore it, or remove it to do the run again"
      )
    }
    return trainer
  }

  /// Writes the list of the image files that were passed over, and reads that of an earlier session.
  func save(skipped: SkippedImages?) throws { try RunFolder(path).save(skipped: skipped) }
  var skippedText: String { RunFolder(path).skippedText }
  var skippedPath: String { RunFolder(path).skippedPath }

  func write(_ state: StudyState, pages: Bool) throws {
    try StudyDocument(state).write(to: path, pages: pages)
  }
}

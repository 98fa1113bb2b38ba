// SPDX-License-Identifier: Apache-2.0

import SignetTraining

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A study as far as it is done: what `study.json` keeps, and all that is needed to go on.
package struct StudyState: Codable, Hashable, Sendable {
  package static let formatName = "signet.study"
  package static let newestVersion = 1

  package let format: String
  package let formatVersion: Int
  /// That of the program.
  package let signetVersion: String
  package let study: StudyName
  package let settings: StudySettings
  /// Epochs of each run; fewer than the settings' where the time budget allows no more.
  package let epochs: Int
  package var runs: [RunRecord]
  package var sessions: [StudySession] = []

  package init(
    _ study: StudyName, _ settings: StudySettings, epochs: Int, signetVersion: String, runs: [RunRecord]
  ) {
    (format, formatVersion) = (Self.formatName, Self.newestVersion)
    self.signetVersion = signetVersion
    self.study = study
    self.settings = settings
    self.epochs = epochs
    self.runs = runs
  }

  package var plan: StudyPlan { StudyPlan(study, settings) }
  /// Runs that are done.
  package var done: Int { runs.count { $0.isDone } }
  package var isFinished: Bool { done == runs.count }
  /// What all processes took so far.
  package var seconds: Double { sessions.reduce(0) { $0 + $1.seconds } }

  /// Reads `study.json`.
  ///
  /// - Throws: ``TrainingError`` `.badRun` if it is damaged, foreign or of a newer version.
  package init(file: [UInt8], path: String) throws {
    struct Head: Decodable {
      let format: String
      let formatVersion: Int
    }
    func failure(_ problem: String) -> TrainingError { TrainingError(.badRun, "\(path): \(problem)") }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = Data(file)
    guard let head = try? decoder.decode(Head.self, from: data), head.format == Self.formatName else {
      throw failure("is not a study's file, or damaged; restore it, or name a new folder with --output")
    }
    guard head.formatVersion <= Self.newestVersion else {
      throw failure(
        "is of version \(head.formatVersion), this program reads up to \(Self.newestVersion); use a newer one"
      )
    }
    do {
      self = try decoder.decode(StudyState.self, from: data)
    } catch {
      throw failure(
        "does not fit this version of the program, or is damaged; restore it, or name a new folder with --output"
      )
    }
    guard (1...1_000_000).contains(epochs), !settings.seeds.isEmpty else {
      throw failure("its epochs or seeds are out of range; restore it, or name a new folder with --output")
    }
  }

  /// Takes over what another state of the same study has done.
  ///
  /// - Throws: ``TrainingError`` `.badRun` if it is not the same: other data, or a program that plans it otherwise.
  package func checkContinues(_ stored: StudyState, path: String) throws {
    guard runs.count == stored.runs.count, zip(runs, stored.runs).allSatisfy({ $0.isSameRun(as: $1) }) else {
      throw TrainingError(
        .badRun,
        "\(path): the runs would not be those that the study was started with (by version \(stored.signetVersion)): \(settings.data) or the program changed; restore it, or name a new folder with --output"
      )
    }
  }
}

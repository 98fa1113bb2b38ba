// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetData
import SignetStudy
import SignetTraining

struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Repeat the paper's comparisons on your data: tables, figures, and which findings hold.",
    discussion: """
      Each run is a folder of signet train below --output/runs; study.md has the tables, study.json everything. A study \
      that was stopped, with Ctrl-C or in any other way, goes on when the same command is given again, and ends with the \
      same numbers.
      """)

  @Argument(help: "One of: \(StudyName.allCases.map(\.rawValue).joined(separator: ", ")).")
  var name: StudyName

  @OptionGroup var data: DataOptions
  @OptionGroup var options: StudyOptions

  @Option(
    name: .customLong("output"),
    help: "The study's folder: a new or an empty one, or that of the study to go on with. Required.")
  var givenOutput: String?
  var output: String { givenOutput ?? "" }

  @Option(
    help:
      "The time that all of it may take, for instance 90m or 1h30m: fewer epochs, equal for all runs, if more don't fit; it stops when the time is used up."
  )
  var timeBudget: TimeBudget?

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    try Launch.current.checkIsAlone("study")
    guard !output.isEmpty else {
      throw ValidationError(
        "--output is missing; name the study's folder, for instance --output studies/first")
    }
    guard data.data != nil || FileManager.default.fileExists(atPath: StudyFolder(output).statePath) else {
      throw ValidationError("--data is missing; for instance --data fashion-mnist")
    }
  }

  struct Result: Encodable {
    let output: String
    let study: String
    let finished: Bool
    let runs: Int
    let done: Int
    let failed: Int
    let epochs: Int
    let seconds: Double
    let holds: Int
    let doesNotHold: Int
    let undecided: Int
    let skippedImages: Int?

    init(_ state: StudyState, output: String, skipped: SkippedImages?) {
      self.output = output
      skippedImages = skipped?.count
      (study, finished, runs, done) = (
        state.study.rawValue, state.isFinished, state.runs.count, state.done
      )
      failed = state.runs.count { $0.failure != nil }
      (epochs, seconds) = (state.epochs, state.seconds)
      let verdicts = StudyResults(state).parts.flatMap(\.findings).map(\.verdict)
      holds = verdicts.count { $0 == .holds }
      doesNotHold = verdicts.count { $0 == .doesNotHold }
      undecided = verdicts.count { $0 == .undecided }
    }
  }

  func run() throws {
    StopSignal.catchOnce()
    var session: StudySessionRun?
    do {
      session = try StudySessionRun(self)
      try session?.run()
    } catch is StopSignal.Stopped {
      try session.map(finish)
      Self.tell(
        session.map { "stopped: \($0.whatIsKept); the same command goes on" }
          ?? "stopped before the first run; nothing was begun")
      throw ExitCode(130)
    } catch let error as TimeBudgetUsedUp {
      try session.map(finish)
      throw TrainingError(
        .badRun,
        "the time budget of \(error.budget) is used up: \(session?.whatIsKept ?? "nothing was begun"); give the same command with a longer --time-budget to go on"
      )
    }
    try session.map(finish)
  }

  private func finish(_ session: StudySessionRun) throws {
    let result = Result(session.runner.state, output: output, skipped: session.skipped)
    if let skipped = session.skipped, skipped.count > 0 {
      let folder = StudyFolder(output)
      try folder.save(skipped: skipped)
      Self.tell("\(counted(skipped.count, "image")) can't be read: listed in \(folder.skippedPath)")
    }
    try printing.print(result) {
      guard result.finished else { return }
      print(
        "\(output)/study.md: \(counted(result.runs, "run")) in \(DurationText.long(result.seconds)); of the paper's findings \(result.holds) hold, \(result.doesNotHold) do not, \(result.undecided) are undecided"
      )
    }
  }

  private static func tell(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import SignetStudy
import SignetTraining
import Testing

/// The page of a study.
///
/// Oracle: `Tests/Golden/study.md`, read and corrected by hand.
///
/// With `RECORD_SNAPSHOTS=1` the file is written instead; look at what changed.
struct StudyReportTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden/study.md")

  /// Table 3 with two seeds, one of which blew up without a scale layer.
  private static func state() throws -> StudyState {
    var settings = MadeUp.settings(seeds: [1, 2])
    settings.epochs = 5
    let planned = MadeUp.state(.lastLayer, settings)
    let state = StudyState(
      .lastLayer, settings, epochs: 2, signetVersion: planned.signetVersion, runs: planned.runs)
    let top1: [String: [Double]] = [
      "tang-last-full": [0.8, 0.82], "tang-no-scale": [0.6], "tang": [0.78, 0.79],
    ]
    var time = 0.0
    let runner = try StudyRunner(
      state, session: MadeUp.session(), budget: nil, now: { time }, save: { _, _ in })
    try runner.run { run, _ in
      time += 100
      guard let values = top1[run.label], Int(run.seed) <= values.count else {
        throw TrainingError(.notFinite, "layer “conv2” gave values that are not finite at step 3 | 4")
      }
      return MadeUp.outcome(
        top1: values[Int(run.seed) - 1], validation: [0.5, values[Int(run.seed) - 1] + 0.01],
        fileBytes: run.label == "tang-last-full" ? 5000 : 1000)
    }
    return runner.state
  }

  @Test func aWholePage() throws {
    let state = try Self.state()
    let results = StudyResults(state)
    let page = StudyReport(state, results: results, figures: StudyFigure.all(of: results)).markdown
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1" {
      try Data(page.utf8).write(to: Self.golden)
    }
    #expect(page == (try String(contentsOf: Self.golden, encoding: .utf8)))
  }

  /// No run is left out, whatever became of it, and every figure of the page is a file.
  @Test func everyRunAndFigureIsThere() throws {
    var state = MadeUp.state(.all)
    let half = state.runs.count / 2
    for index in 0..<half { state.runs[index].outcome = MadeUp.outcome(top1: 0.5) }
    let files = StudyDocument(state).pages()
    let page = String(decoding: try #require(files.first { $0.name == "study.md" }).bytes, as: UTF8.self)
    let list = try #require(page.range(of: "## All runs").map { page[$0.lowerBound...] })
    for run in state.runs {
      let line = list.split(separator: "\n").first { $0.hasPrefix("| \(run.folder) |") }
      #expect(line?.contains("not done yet") == (run.outcome == nil), "\(run.folder)")
    }
    #expect(page.contains("**Not finished:** \(half) of \(state.runs.count) runs"))
    let linked = page.split(separator: "](").dropFirst().map { String($0.prefix { $0 != ")" }) }
    #expect(Set(linked) == Set(files.map(\.name)).subtracting(["study.md"]))
  }

  @Test func tablesAreNotBrokenByTheirText() {
    var table = MarkdownTable([("a", false), ("b", true)])
    table.add(["x|y", "1\n2"])
    #expect(table.text == "| a | b |\n| --- | ---: |\n| x\\|y | 1 2 |\n")
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetStudy
import SignetTraining
import Testing

/// What `study.json` keeps.
///
/// Oracles: what was put in, and damage done on purpose.
struct StudyStateTests {
  private func finished() -> StudyState {
    var state = MadeUp.state(.lastLayer)
    for index in state.runs.indices {
      // Numbers that need all their digits.
      state.runs[index].outcome = MadeUp.outcome(top1: 1 / Double(index + 3), signChange: 0.1 / 3)
    }
    state.sessions = [MadeUp.session()]
    return state
  }

  @Test func everyDigitIsKept() throws {
    let state = finished()
    #expect(try StudyState(file: StudyDocument(state).json(), path: "x") == state)
  }

  @Test func resultsAreInTheFile() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(StudyDocument(finished()).json())) as? [String: Any])
    #expect(object["finished"] as? Bool == true)
    let part = try #require((object["results"] as? [[String: Any]])?.first)
    let row = try #require((part["rows"] as? [[String: Any]])?.last)
    #expect(row["label"] as? String == "tang")
    #expect(((row["top1"] as? [String: Any])?["values"] as? [Double]) == [1 / 5.0, 1 / 8.0])
    #expect((part["findings"] as? [Any])?.count == 3)
    let run = try #require((object["runs"] as? [[String: Any]])?.first)
    #expect((run["command"] as? String)?.hasPrefix("signet train --data idx:data") == true)
  }

  private func expectRefusal(_ file: [UInt8], _ word: String) {
    let error = #expect(throws: TrainingError.self) { try StudyState(file: file, path: "a/study.json") }
    #expect(error?.description.hasPrefix("a/study.json: ") == true)
    #expect(error?.description.contains(word) == true, "\(String(describing: error))")
  }

  @Test func damagedForeignAndNewerFilesAreRefused() throws {
    let file = try StudyDocument(finished()).json()
    expectRefusal([], "damaged")
    expectRefusal(Array(file.dropLast(10)), "damaged")
    expectRefusal(Array("{}".utf8), "not a study's file")
    expectRefusal(Array("[1]".utf8), "not a study's file")
    let text = String(decoding: file, as: UTF8.self)
    func replaced(_ old: String, _ new: String) throws -> [UInt8] {
      try #require(text.contains(old))
      return Array(text.replacing(old, with: new, maxReplacements: 1).utf8)
    }
    expectRefusal(try replaced("\"signet.study\"", "\"other\""), "not a study's file")
    expectRefusal(try replaced("\"format_version\" : 1", "\"format_version\" : 2"), "use a newer one")
    expectRefusal(try replaced("\"study\" : \"last-layer\"", "\"study\" : \"all-layers\""), "damaged")
  }

  @Test func whatIsPlannedOtherwiseDoesNotGoOn() throws {
    let stored = finished()
    try MadeUp.state(.lastLayer).checkContinues(stored, path: "x")
    var settings = MadeUp.settings()
    settings.batchSize = 32
    for other in [
      MadeUp.state(.lastLayer, settings), MadeUp.state(.activation),
      MadeUp.state(.lastLayer, MadeUp.settings(seeds: [1])),
    ] {
      let error = #expect(throws: TrainingError.self) { try other.checkContinues(stored, path: "x") }
      #expect(error?.description.contains("version 1.2.3") == true)
    }
  }

  /// Sums of shares: 0.1 and 0.3 in the first epoch, 0.2 in the second.
  @Test func figuresComeFromTheMetrics() throws {
    func line(_ kind: MetricsLine.Kind, _ step: Int, _ epoch: Int, _ share: Double, _ seconds: Double) throws
      -> String
    {
      let rest =
        kind == .step
        ? "\"sign_changes\":{\"convB\":\(share)}" : "\"validation_top1\":0.75,\"validation_top5\":1"
      return
        "{\"kind\":\"\(kind.rawValue)\",\"step\":\(step),\"epoch\":\(epoch),\"loss\":0.5,\"learning_rate\":0.01,\"training_top1\":0.5,\"sign_change\":0.25,\"seconds\":\(seconds),\(rest)}"
    }
    // The second epoch was trained by another process.
    let text = try [
      line(.step, 1, 1, 0.1, 1), line(.step, 2, 1, 0.3, 2), line(.epoch, 2, 1, 0, 3),
      line(.step, 3, 2, 0.2, 1),
      line(.epoch, 3, 2, 0, 1.5),
    ].joined(separator: "\n")
    let (lines, bytes) = MetricsLine.lines(in: Array(text.utf8))
    #expect(lines.count == 5 && bytes == Array((text + "\n").utf8))
    let network = NetworkDescription(
      name: "n", layers: [.dense("fcA", 3), .dense("convB", 3), .dense("fcC", nil)])
    var configuration = MadeUp.configuration(
      try #require(StudyPlan(.binarizations, MadeUp.settings()).runs.first), MadeUp.settings())
    configuration.network = network
    func runOutcome(of lines: [MetricsLine]) throws -> RunOutcome {
      try RunOutcome(
        lines: lines, trainer: Trainer(configuration, stepsPerEpoch: 2),
        report: ModelReport(
          CompactModel(bytes: Trainer(configuration, stepsPerEpoch: 2).compactModel(), path: "m")),
        test: Evaluation(), millisecondsPerImage: 1)
    }
    let outcome = try runOutcome(of: lines)
    #expect(outcome.epochs.map(\.signChanges) == [["convB": 0.2], ["convB": 0.2]])
    #expect(outcome.epochs.map(\.step) == [2, 3] && outcome.epochs.map(\.validationTop1) == [0.75, 0.75])
    #expect(outcome.layers.map(\.name) == ["convB"] && outcome.layers.map(\.isBinary) == [true])
    #expect(abs(outcome.layers[0].signChange - 0.2) < 1e-15)
    #expect(outcome.layers[0].signChangeAtStart == outcome.layers[0].signChange)
    // 100 steps with a share of 0.5 are the start, another 100 with 0.25 are not.
    let more = try (1...200).map { try line(.step, $0, 1, $0 <= 100 ? 0.5 : 0.25, Double($0)) }
    let later = try runOutcome(of: MetricsLine.lines(in: Array(more.joined(separator: "\n").utf8)).lines)
    #expect(later.layers[0].signChangeAtStart == 0.5 && later.layers[0].signChange == 0.375)
    #expect(outcome.times.seconds == 4.5)
  }
}

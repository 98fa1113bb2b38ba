// SPDX-License-Identifier: Apache-2.0

import SignetStudy
import Testing

/// Oracle: figures made so that the verdict is plain.
struct FindingTests {
  private func outcomes(
    _ top1: [Double], signChange: Double = 0.001, atStart: Double? = nil, fileBytes: Int = 1000
  ) -> [RunOutcome] {
    top1.map { MadeUp.outcome(top1: $0, signChange: signChange, atStart: atStart, fileBytes: fileBytes) }
  }

  private func verdicts(_ study: StudyName, _ rows: [String: [RunOutcome]]) -> [Finding.Verdict] {
    study.findings(MadeUp.rows(study, rows)).map(\.verdict)
  }

  @Test func signChangesAreComparedLayerByLayer() throws {
    var rows = [
      "binary, 1e-2": outcomes([0.2, 0.21], signChange: 0.021), "binary, 1e-4": outcomes([0.4, 0.41]),
      "full precision, 1e-2": outcomes([0.5, 0.5], signChange: 0.021 / 19),
    ]
    #expect(verdicts(.learningRate, rows) == [.holds, .holds, .holds, .doesNotHold])
    // The start of training counts by itself.
    rows["binary, 1e-4"] = outcomes([0.4, 0.41], atStart: 0.0022)
    #expect(verdicts(.learningRate, rows) == [.holds, .doesNotHold, .holds, .doesNotHold])
    // One seed of two below 20 times: undecided.
    rows["binary, 1e-4"] = outcomes([0.4], signChange: 0.001) + outcomes([0.41], signChange: 0.0011)
    #expect(verdicts(.learningRate, rows) == [.holds, .undecided, .undecided, .doesNotHold])
    // A layer in which nothing changes is infinitely far from one in which something does.
    rows["binary, 1e-4"] = outcomes([0.4, 0.41], signChange: 0)
    #expect(verdicts(.learningRate, rows) == [.holds, .holds, .holds, .doesNotHold])
    let shows = StudyName.learningRate.findings(MadeUp.rows(.learningRate, rows))[1].shows
    #expect(shows.hasPrefix("∞× (conv2) to ∞× (conv2)") && shows.contains("1 binary layer and 2 seeds"))
  }

  @Test func oneSeedDecidesNoAccuracy() {
    let rows = ["1e-2, ReLU": outcomes([0.1]), "1e-4, ReLU": outcomes([0.5]), "1e-4, PReLU": outcomes([0.9])]
    #expect(verdicts(.activation, rows) == [.undecided, .undecided])
  }

  @Test func whatIsMissingIsUndecided() throws {
    #expect(verdicts(.activation, ["1e-4, ReLU": outcomes([0.5, 0.5])]) == [.undecided, .undecided])
    let finding = try #require(StudyName.activation.findings(MadeUp.rows(.activation, [:])).first)
    #expect(finding.shows == "not all runs are done")
  }

  @Test func aCollapseIsAFallByATenth() {
    func rows(_ ends: [Double]) -> [String: [RunOutcome]] {
      [
        "L2": ends.map { MadeUp.outcome(top1: $0, validation: [0.3, 0.5, $0]) },
        "bipolar": outcomes([0.9, 0.9]),
      ]
    }
    #expect(verdicts(.regularizer, rows([0.44, 0.449])) == [.holds, .holds])
    #expect(verdicts(.regularizer, rows([0.46, 0.5])) == [.holds, .doesNotHold])
    #expect(verdicts(.regularizer, rows([0.46, 0.44])) == [.holds, .undecided])
  }

  @Test func lastLayers() {
    let rows = [
      "full precision": outcomes([0.6, 0.6], fileBytes: 5000),
      "binary, no scale layer": outcomes([0.5, 0.51]), "binary, scale layer": outcomes([0.5, 0.53]),
    ]
    #expect(verdicts(.lastLayer, rows) == [.undecided, .holds, .holds])
  }

  @Test func fourPlanesMayGrowAFileByLessThanATwentieth() {
    func rows(_ bytes: Int) -> [String: [RunOutcome]] {
      [
        "M = 1": outcomes([0.5, 0.5]), "M = 2": outcomes([0.6, 0.6]),
        "M = 4": outcomes([0.5, 0.5], fileBytes: bytes),
      ]
    }
    #expect(verdicts(.binarizations, rows(1049)) == [.holds, .holds])
    #expect(verdicts(.binarizations, rows(1050)) == [.holds, .doesNotHold])
  }
}

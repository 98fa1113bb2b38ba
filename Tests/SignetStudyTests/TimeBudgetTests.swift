// SPDX-License-Identifier: Apache-2.0

import SignetStudy
import SignetTraining
import Testing

/// Oracle: times worked out by hand.
struct TimeBudgetTests {
  @Test(arguments: [
    ("90m", 5400.0), ("2h", 7200), ("1h30m", 5400), ("45s", 45), ("1h0m5s", 3605), ("1h5s", 3605),
  ])
  func reads(text: String, seconds: Double) throws {
    #expect(try TimeBudget(parsing: text).seconds == seconds)
  }

  @Test(arguments: [
    "", "0", "0m", "90", "m", "1m1h", "1m1m", "-5m", "1.5h", "5 m", "5min", "99999999999999999999h", "9000h",
    "٣m",
  ])
  func refuses(text: String) {
    #expect(throws: TrainingError.self) { try TimeBudget(parsing: text) }
  }

  private func cost(_ epoch: Double, _ besides: Double) -> TimeBudget.Cost {
    .init(secondsPerEpoch: epoch, secondsBesides: besides)
  }

  /// 3 runs: 10 s an epoch and 6 s besides in all; 115 s are 100 s with the margin.
  @Test func fewerEpochsForAllRuns() throws {
    let runs = [cost(2, 1), cost(3, 2), cost(5, 3)]
    let budget = TimeBudget(seconds: 115)
    #expect(TimeBudget.margin == 1.15)
    #expect(TimeBudget.seconds(of: runs, epochs: 4) == 46)
    #expect(try budget.epochs(wanted: 50, runs: runs, used: 0) == 9)
    #expect(try budget.epochs(wanted: 9, runs: runs, used: 0) == 9)
    #expect(try budget.epochs(wanted: 5, runs: runs, used: 0) == 5)
    #expect(try budget.epochs(wanted: 50, runs: runs, used: 23) == 7)
    #expect(try budget.epochs(wanted: 50, runs: runs, used: 95) == 1)
  }

  @Test func tooShortForOneEpochIsRefusedWithTheTimeItTakes() {
    let error = #expect(throws: TrainingError.self) {
      try TimeBudget(seconds: 60).epochs(wanted: 5, runs: [cost(100, 20), cost(200, 20)], used: 10)
    }
    // 10 + 1.15 · 340 = 401 s.
    #expect(error?.description.contains("6 min 41 s") == true, "\(String(describing: error))")
    #expect(error?.description.contains("each of the 2 runs") == true)
  }

  @Test func freeRunsFit() throws {
    #expect(try TimeBudget(seconds: 1).epochs(wanted: 5, runs: [cost(0, 0)], used: 0) == 5)
    #expect(throws: TrainingError.self) {
      try TimeBudget(seconds: 1).epochs(wanted: 5, runs: [cost(0, 2)], used: 0)
    }
  }
}

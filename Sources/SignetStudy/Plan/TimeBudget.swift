// SPDX-License-Identifier: Apache-2.0

import SignetTraining

/// The time that a study may take.
package struct TimeBudget: Hashable, Sendable, CustomStringConvertible {
  package let seconds: Double

  package init(seconds: Double) {
    self.seconds = seconds
  }

  /// Reads `90m`, `2h`, `1h30m`, `45s`: hours, minutes, seconds, in this order, each a whole number.
  ///
  /// - Throws: ``TrainingError`` `.badOption` for anything else, for 0, and for more than a year.
  package init(parsing text: String) throws {
    var (rest, total) = (text[...], 0)
    var units: [(Character, Int)] = [("h", 3600), ("m", 60), ("s", 1)]
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      guard let count = Int(digits), count < 1 << 32, let letter = rest.popFirst(),
        let unit = units.firstIndex(where: { $0.0 == letter })
      else { throw Self.failure(text) }
      total += count * units[unit].1
      units.removeSubrange(...unit)
    }
    guard (1...366 * 86400).contains(total) else { throw Self.failure(text) }
    seconds = Double(total)
  }

  private static func failure(_ text: String) -> TrainingError {
    TrainingError(
      .badOption, "“\(text)” is no time; write hours, minutes and seconds, for instance 90m, 2h or 1h30m")
  }

  package var description: String { DurationText.short(seconds) }

  /// What a run is expected to take.
  package struct Cost: Hashable, Sendable {
    package let secondsPerEpoch: Double
    /// What does not depend on the epochs: the test part, the engine's benchmark, files.
    package let secondsBesides: Double

    package init(secondsPerEpoch: Double, secondsBesides: Double) {
      self.secondsPerEpoch = secondsPerEpoch
      self.secondsBesides = secondsBesides
    }
  }

  /// Measured times vary, and an estimate that is too low would end the study unfinished.
  package static let margin = 1.15

  /// What all runs are expected to take.
  package static func seconds(of runs: [Cost], epochs: Int) -> Double {
    runs.reduce(0) { $0 + $1.secondsPerEpoch * Double(epochs) + $1.secondsBesides }
  }

  /// The most epochs, equal for all runs and at most those wanted, that fit into what is left of the budget.
  ///
  /// - Parameters:
  ///   - wanted: what there would be without a budget.
  ///   - runs: what each run is expected to take.
  ///   - used: seconds of the budget that are gone.
  /// - Returns: epochs of each run, at least 1.
  /// - Throws: ``TrainingError`` `.badOption` if not even one epoch of each run fits.
  package func epochs(wanted: Int, runs: [Cost], used: Double) throws -> Int {
    let left = (seconds - used) / Self.margin
    let perEpoch = runs.reduce(0) { $0 + $1.secondsPerEpoch }
    let besides = runs.reduce(0) { $0 + $1.secondsBesides }
    let most = perEpoch > 0 ? (left - besides) / perEpoch : left < besides ? 0 : Double(wanted)
    guard most >= 1 else {
      let least = used + Self.margin * Self.seconds(of: runs, epochs: 1)
      throw TrainingError(
        .badOption,
        "--time-budget \(self) is too short for one epoch of each of the \(runs.count) runs, which takes about \(DurationText.long(least)); give more time or fewer --seeds, or a smaller --network"
      )
    }
    return min(wanted, Int(min(most, 1e9)))
  }
}

/// The time budget is used up before the study is done.
package struct TimeBudgetUsedUp: Error, Hashable {
  package let budget: TimeBudget

  package init(budget: TimeBudget) {
    self.budget = budget
  }
}

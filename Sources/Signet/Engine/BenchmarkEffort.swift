// SPDX-License-Identifier: Apache-2.0

/// How long a benchmark warms up and measures.
package struct BenchmarkEffort: Sendable {
  /// Runs to measure; nil for as many as take ``measuredMilliseconds``.
  package var runs: Int?
  /// Caches, clock frequency and threads have settled after this time.
  package var warmUpMilliseconds = 200.0
  package var warmUpRuns = 10
  package var measuredMilliseconds = 1000.0
  /// Fewer runs have no meaningful percentiles.
  package var fewestRuns = 10
  package var mostRuns = 1_000_000
  /// Whether the machine's peaks are measured as well, without which there are no shares of them.
  package var measuresPeaks = true

  package init(runs: Int? = nil) {
    self.runs = runs
  }

  /// Warm once both the time and the runs are reached; a slow network after five times the time, whatever its runs.
  package func isWarm(milliseconds: Double, runs: Int) -> Bool {
    guard runs >= 1 else { return false }
    if milliseconds >= 5 * warmUpMilliseconds { return true }
    return milliseconds >= warmUpMilliseconds && runs >= warmUpRuns
  }

  package func isEnough(milliseconds: Double, runs: Int) -> Bool {
    if let wanted = self.runs { return runs >= wanted }
    return runs >= mostRuns || (milliseconds >= measuredMilliseconds && runs >= fewestRuns)
  }
}

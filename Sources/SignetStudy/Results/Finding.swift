// SPDX-License-Identifier: Apache-2.0

/// Something that the paper found, beside what these runs show.
package struct Finding: Hashable, Sendable, Encodable {
  /// How the two go together.
  package enum Verdict: String, Hashable, Sendable, Encodable {
    case holds
    case doesNotHold = "does not hold"
    /// Within the deviation, or without one: from a single seed nothing is concluded.
    case undecided
  }

  /// What the paper says.
  package let paper: String
  /// What the runs show, in figures.
  package let shows: String
  package let verdict: Verdict
}

extension Finding {
  /// That one row has a higher top-1 than another, on the test part.
  package static func top1(of first: StudyRow?, above second: StudyRow?, paper: String) -> Finding? {
    guard let first, let second else { return nil }
    let comparison = Comparison(first.top1, second.top1)
    guard let difference = comparison.difference else {
      return .missing(paper: paper, rows: [first, second])
    }
    let deviation = comparison.deviation.map { " ± " + Figure.fixed(100 * $0, 2) } ?? ""
    let caution = comparison.deviation == nil ? "; fewer than two seeds, so no deviation is known" : ""
    let shows =
      "top-1 \(Figure.percent(first.top1)) (\(first.title)) against \(Figure.percent(second.top1)) (\(second.title)): \(Figure.signed(100 * difference, 2))\(deviation) points\(caution)"
    return Finding(paper: paper, shows: shows, verdict: comparison.verdict)
  }

  /// What can't be told because runs are missing.
  package static func missing(paper: String, rows: [StudyRow]) -> Finding {
    let blownUp = rows.filter { $0.outcomes.isEmpty && $0.failures > 0 }.map(\.title)
    let shows =
      blownUp.isEmpty
      ? "not all runs are done" : "no run of “\(blownUp.joined(separator: "”, “"))” could be finished"
    return Finding(paper: paper, shows: shows, verdict: .undecided)
  }
}

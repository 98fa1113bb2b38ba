// SPDX-License-Identifier: Apache-2.0

/// Two samples beside each other.
package struct Comparison: Hashable, Sendable {
  package let first: Sample
  package let second: Sample

  package init(_ first: Sample, _ second: Sample) {
    self.first = first
    self.second = second
  }

  /// Of the means, first less second; nil if one has no values.
  package var difference: Double? {
    guard let a = first.mean, let b = second.mean else { return nil }
    return a - b
  }

  /// Of the difference between two runs: `√(s₁² + s₂²)`; nil if one of them has fewer than two values.
  package var deviation: Double? {
    guard let a = first.deviation, let b = second.deviation else { return nil }
    return (a * a + b * b).squareRoot()
  }

  /// Whether the first is greater: undecided within the deviation, and where no deviation is known.
  package var verdict: Finding.Verdict {
    guard let difference, let deviation, abs(difference) > deviation else { return .undecided }
    return difference > 0 ? .holds : .doesNotHold
  }
}

// SPDX-License-Identifier: Apache-2.0

/// Order statistics of repeated measurements.
package struct Timings: Sendable {
  /// Rising.
  package let sorted: [Double]

  package init(_ values: [Double]) {
    sorted = values.sorted()
  }

  package var count: Int { sorted.count }
  package var minimum: Double { sorted.first ?? 0 }
  /// The middle one, or the mean of the two in the middle; 0 without values.
  package var median: Double {
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
  /// The smallest value that nine tenths of all don't exceed.
  package var ninetiethPercentile: Double {
    sorted.isEmpty ? 0 : sorted[(count * 9 + 9) / 10 - 1]
  }
}

extension Duration {
  package var milliseconds: Double {
    Double(components.seconds) * 1e3 + Double(components.attoseconds) * 1e-15
  }
}

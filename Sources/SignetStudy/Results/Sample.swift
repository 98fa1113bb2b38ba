// SPDX-License-Identifier: Apache-2.0

/// Figures of runs that differ by their seed alone.
package struct Sample: Hashable, Sendable {
  package let values: [Double]

  package init(_ values: [Double]) {
    self.values = values
  }

  package var count: Int { values.count }

  /// `Σ x / n`; nil without values.
  package var mean: Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(count)
  }

  /// The sample's standard deviation `√(Σ (x − mean)² / (n − 1))`; nil for fewer than two values.
  package var deviation: Double? {
    guard let mean, count > 1 else { return nil }
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot()
  }

  /// The middle value, or the mean of the two in the middle; nil without values.
  package var median: Double? {
    let sorted = values.sorted()
    return values.isEmpty ? nil : (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}

extension Sample: Encodable {
  private enum CodingKeys: String, CodingKey {
    case mean, deviation, values
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(mean, forKey: .mean)
    try container.encodeIfPresent(deviation, forKey: .deviation)
    try container.encode(values, forKey: .values)
  }
}

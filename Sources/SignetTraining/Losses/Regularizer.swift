// SPDX-License-Identifier: Apache-2.0

import Signet

/// A term of the loss that depends on weights alone.
package enum Regularizer: Codable, Hashable, Sendable, CustomStringConvertible {
  case none
  /// `λ Σ (1 − W²)` over latent binary weights: pushes them towards ±1.
  ///
  /// - Source: Tang, Hua, Wang 2017, the bipolar regulariser.
  case bipolar(Float)
  /// `λ Σ W²` over all weights of convolutions.
  case l2(Float)

  /// Reads `bipolar:5e-7`, `l2:1e-4` or `none`.
  package init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let factor = parts.count == 2 ? Float(parts[1]) : nil
    switch (parts.first, factor) {
    case ("none", nil) where parts.count == 1: self = .none
    case ("bipolar", let factor?) where factor.isFinite && factor >= 0: self = .bipolar(factor)
    case ("l2", let factor?) where factor.isFinite && factor >= 0: self = .l2(factor)
    default:
      throw TrainingError(
        .badOption, "“\(text)” is no regulariser; write bipolar:X, l2:X with X ≥ 0, or none")
    }
  }

  package var description: String {
    switch self {
    case .none: "none"
    case .bipolar(let factor): "bipolar:\(factor)"
    case .l2(let factor): "l2:\(factor)"
    }
  }

  package init(from decoder: any Decoder) throws {
    try self.init(parsing: try decoder.singleValueContainer().decode(String.self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// `d/dW` divided by W: what is added to a weight's gradient, times the weight.
  func decay(for role: Parameter.Role) -> Float {
    switch (self, role) {
    case (.bipolar(let factor), .latentBinary): -2 * factor
    case (.l2(let factor), .latentBinary), (.l2(let factor), .weight): 2 * factor
    default: 0
    }
  }

  /// The term's value.
  package func loss(of network: inout Sequential) -> Double {
    var sum = 0.0
    network.forEachParameter { _, parameter in
      switch (self, parameter.role) {
      case (.bipolar(let factor), .latentBinary):
        for weight in parameter.value.elements {
          sum += Double(factor) * (1 - Double(weight) * Double(weight))
        }
      case (.l2(let factor), .latentBinary), (.l2(let factor), .weight):
        for weight in parameter.value.elements { sum += Double(factor) * Double(weight) * Double(weight) }
      default: break
      }
    }
    return sum
  }
}

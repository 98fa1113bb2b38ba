// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How the learning rate goes over a run.
package enum ScheduleKind: String, Codable, CaseIterable, Sendable {
  /// Halved each time the training loss stops decreasing: the paper's.
  case plateau
  /// Half a cosine from the initial rate to 0.
  case cosine
  case constant
}

/// The learning rate of each step, and what it depends on.
package struct Schedule: Codable, Hashable, Sendable {
  package let kind: ScheduleKind
  package let initialRate: Float
  package let totalSteps: Int
  /// Plateau: how often the rate was halved.
  package private(set) var halvings = 0
  /// Plateau: the lowest mean training loss of an epoch.
  package private(set) var lowestLoss: Double?

  package init(kind: ScheduleKind, initialRate: Float, totalSteps: Int) {
    self.kind = kind
    self.initialRate = initialRate
    self.totalSteps = totalSteps
  }

  /// The rate of a step, counted from 0.
  package func rate(at step: Int) -> Float {
    switch kind {
    case .constant: return initialRate
    case .plateau: return initialRate * Float(sign: .plus, exponent: -halvings, significand: 1)
    case .cosine:
      let progress = Double(min(step, totalSteps)) / Double(max(1, totalSteps))
      return Float(Double(initialRate) * 0.5 * (1 + cos(Double.pi * progress)))
    }
  }

  /// Takes note of an epoch's mean training loss.
  package mutating func epochEnded(loss: Double) {
    guard let lowest = lowestLoss, loss >= lowest else {
      lowestLoss = loss
      return
    }
    if kind == .plateau { halvings += 1 }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet

/// Multiple binarizations of activations by residuals.
///
/// - Forward: `x̂ = Σ β_m H_m`, `H_m = sign(r_m)`, `r_1 = x`, `r_(m+1) = r_m − β_m H_m`, `β_m = mean|r_m|` of the whole batch;
///   for M = 1, `x̂ = sign(x)`. `sign(0) = +1`.
/// - Backward: `dx = dx̂` where |x| ≤ 1, else 0; the β are constants.
/// - The β are rounded to integers times a common power of two, `β_m = n_m·2^−e` with n_1 in 128…256, n_m at most 256, so that weighted sums of
///   dot products are integers, in training and in the engine alike. For inference they are running means.
/// - Source: Tang, Hua, Wang 2017, multiple binarizations; rounding and running means are ours.
package struct ResidualBinarizer: Sendable {
  package let planes: Int
  /// Whether the planes are those of k-bit numbers in [0, 1]; see ``init(bits:)``.
  package let isUnipolar: Bool
  /// Running means of the β; empty until the first batch, and always for M = 1.
  package var runningBetas: [Float] = []

  /// Plane weights n_m, and e of the unit 2^−e.
  package struct Levels: Hashable, Sendable {
    package var weights: [Int32]
    package var exponent: Int
    /// Whether levels count from the lowest one: k-bit numbers in [0, 1].
    package var isUnipolar = false

    package static let single = Levels(weights: [1], exponent: 0)

    package var unit: Float { Float(sign: .plus, exponent: -exponent, significand: 1) }
    package var betas: [Float] { weights.map { Float($0) * unit } }
  }

  package init(planes: Int, isUnipolar: Bool = false) {
    self.planes = planes
    self.isUnipolar = isUnipolar
  }

  /// Whether the β are measured: not those of a single plane, or of k-bit numbers.
  package var measuresBetas: Bool { planes > 1 && !isUnipolar }

  /// The largest sum of plane weights that a product may count, whatever the β.
  package var largestWeight: Int {
    if isUnipolar { return 2 * (1 << planes - 1) }
    return planes > 1 ? planes * 256 : 1
  }

  /// The levels that inference uses.
  package var running: Levels {
    if isUnipolar { return .unipolar(bits: planes) }
    guard planes > 1, let first = runningBetas.first else {
      return planes == 1 ? .single : Levels(weights: (0..<planes).map { 256 >> Int32($0) }, exponent: 8)
    }
    var levels = Self.firstLevel(first)
    for beta in runningBetas.dropFirst() {
      levels.weights.append(Self.rounded(beta, exponent: levels.exponent))
    }
    return levels
  }

  /// The levels of a batch; in training they are measured and enter the running means.
  ///
  /// `magnitude` gives the mean of |residual| after planes of the given β.
  mutating func levels(phase: Phase, magnitude: (_ betas: [Float]) throws -> Float) rethrows -> Levels {
    guard measuresBetas else { return running }
    guard phase == .training else { return running }
    var measured = [try magnitude([])]
    var levels = Self.firstLevel(measured[0])
    while levels.weights.count < planes {
      let beta = try magnitude(levels.betas)
      measured.append(beta)
      levels.weights.append(Self.rounded(beta, exponent: levels.exponent))
    }
    if runningBetas.isEmpty {
      runningBetas = measured
    } else {
      for plane in measured.indices {
        runningBetas[plane] += Normalization.momentum * (measured[plane] - runningBetas[plane])
      }
    }
    return levels
  }

  /// `e = 7 − ⌊log₂ β⌋`, so that n = β·2^e rounds to 128…256.
  private static func firstLevel(_ beta: Float) -> Levels {
    let exponent = beta.isNormal ? min(60, max(-60, 7 - Int(beta.exponent))) : 7
    return Levels(weights: [rounded(beta, exponent: exponent)], exponent: exponent)
  }

  private static func rounded(_ beta: Float, exponent: Int) -> Int32 {
    let scaled = beta * Float(sign: .plus, exponent: exponent, significand: 1)
    guard scaled.isFinite else { return 1 }
    return Int32(min(256, max(1, scaled.rounded(.toNearestOrAwayFromZero))))
  }
}

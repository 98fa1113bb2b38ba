// SPDX-License-Identifier: Apache-2.0

/// Probabilities from logits, with the same bits on every machine.
///
/// Double precision; only additions, multiplications and divisions in one fixed order, since the exponential functions of
/// C libraries differ in their last bits.
package enum Softmax {
  /// `p[i] = exp(x[i] − max x) / Σ exp(x[j] − max x)`, summed by rising index.
  ///
  /// - Shapes: `[classes]` to `[classes]`. The logits must be finite.
  /// - Complexity: O(C) for C classes.
  package static func probabilities(of logits: [Float]) -> [Double] {
    guard let largest = logits.max() else { return [] }
    let powers = logits.map { exponential(Double($0) - Double(largest)) }
    var sum = 0.0
    for power in powers { sum += power }
    return powers.map { $0 / sum }
  }

  /// `exp(x)` for `x ≤ 0`, to within two units of the last place.
  ///
  /// `x = k·ln 2 + r` with `|r| ≤ ln 2 / 2`; `exp(r)` is its Taylor series up to `r¹³`, whose rest is below 2⁻⁵⁷.
  package static func exponential(_ x: Double) -> Double {
    // Below this, the result is less than half of the smallest positive number.
    guard x > -745.2 else { return 0 }
    let k = (x * 1.4426950408889634).rounded()
    // ln 2 in two parts; the first has so few digits that its product with k is exact.
    let r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
    var sum = inverseFactorials[0]
    for factor in inverseFactorials.dropFirst() { sum = sum * r + factor }
    return Double(sign: .plus, exponent: Int(k), significand: sum)
  }

  /// 1/13!, 1/12!, … 1/0!.
  private static let inverseFactorials: [Double] = {
    var factorial = 1.0
    let factorials = (0...13).map { n in
      factorial *= Double(max(n, 1))
      return factorial
    }
    return factorials.reversed().map { 1 / $0 }
  }()
}

// SPDX-License-Identifier: Apache-2.0

import Signet

/// What a layer's weights are made of: real numbers, or bits with or without a magnitude.
///
/// With latent weights W and `sign(0) = +1`, the layer computes with `Ŵ`; g is the loss's gradient with regard to Ŵ.
///
/// | | forward | backward | source |
/// | --- | --- | --- | --- |
/// | `real` | `Ŵ = W` | `dW = g` | |
/// | `sign` | `Ŵ = sign(W)` | `dW = g` | Courbariaux et al. 2015, arXiv:1511.00363, algorithm 1 |
/// | `signPerFilter` | `Ŵ = α_f·sign(W)`, `α_f = mean|W|` of filter f | `dW = g·(1/n + α_f·[|W| ≤ 1])`, n weights a filter | Rastegari et al. 2016, arXiv:1603.05279, section 3.1 |
/// | `signPerLayer` | `Ŵ = α·sign(W)`, `α = mean|W|` of the layer | `dW = g` | Zhou et al. 2016, arXiv:1606.06160, section 2.3 |
///
/// The per-filter gradient is the paper's own: it takes `∂α/∂W` for 1/n and leaves out what a weight does to the other weights of
/// its filter through α.
package enum WeightBinarizer: String, Codable, CaseIterable, Sendable {
  case real
  case sign
  case signPerFilter = "sign-per-filter"
  case signPerLayer = "sign-per-layer"

  /// The magnitudes α: one a filter, one for all, or nil where there are none.
  ///
  /// - Shapes: weights `[filters, kh, kw, C/groups]`.   - Complexity: O(weights).
  package func magnitudes(of weight: Parameter, on context: ComputeContext? = nil) -> [Float]? {
    guard self == .signPerFilter || self == .signPerLayer else { return nil }
    let filters = weight.shape[0]
    let depth = weight.count / filters
    var sums = [Double](repeating: 0, count: filters)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      let values = weight.value.pointer
      func add(_ range: Range<Int>) {
        for filter in range { sums[filter] = Self.magnitude(values + filter * depth, count: depth) }
      }
      if let context {
        context.crew.pool.runRanges(filters, grain: 8) { range, _ in add(range) }
      } else {
        add(0..<filters)
      }
    }
    if self == .signPerFilter { return sums.map { Float($0 / Double(depth)) } }
    return [Float(sums.reduce(0, +) / Double(weight.count))]
  }

  /// `Σ |w|`: eight sums side by side, then the rest; always in the same order.
  private static func magnitude(_ values: UnsafePointer<Float>, count: Int) -> Double {
    var lanes = SIMD8<Double>.zero
    let bytes = UnsafeRawPointer(values)
    let whole = count / 8 * 8
    for first in stride(from: 0, to: whole, by: 8) {
      let bits = bytes.loadUnaligned(fromByteOffset: first * 4, as: SIMD8<UInt32>.self) & 0x7FFF_FFFF
      lanes += SIMD8<Double>(unsafeBitCast(bits, to: SIMD8<Float>.self))
    }
    var sum = lanes.sum()
    for index in whole..<count { sum += Double(values[index].magnitude) }
    return sum
  }

  /// Turns the gradient of Ŵ, which the parameter's gradient holds, into that of W.
  ///
  /// `divisors` are what the gradient was multiplied with on its way, one a filter or one for all; nil for nothing.
  func passBack(_ weight: Parameter, magnitudes: [Float]?, divisors: [Float]?, on context: ComputeContext) {
    guard self == .signPerFilter || divisors != nil else { return }
    let filters = weight.shape[0]
    let depth = weight.count / filters
    let (values, gradient) = (weight.value.pointer, weight.gradient.pointer)
    context.crew.pool.runRanges(filters, grain: 8) { range, _ in
      for filter in range {
        let divisor = divisors.map { $0[$0.count == 1 ? 0 : filter] } ?? 1
        var (inside, outside) = (1 / divisor, 1 / divisor)
        if self == .signPerFilter, let magnitudes {
          outside = 1 / Float(depth) / divisor
          inside = (1 / Float(depth) + magnitudes[filter]) / divisor
        }
        for index in filter * depth..<(filter + 1) * depth {
          gradient[index] *= values[index].magnitude <= 1 ? inside : outside
        }
      }
    }
  }

  /// A magnitude that can be divided by again: a filter of zeros has a tiny one in place of 0.
  static func divisible(_ magnitude: Float) -> Float { max(magnitude, 1e-20) }
}

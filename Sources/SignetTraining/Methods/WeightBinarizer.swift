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

  /// How many magnitudes α there are for so many filters: one a filter, one for all, or none.
  private func magnitudeCount(_ filters: Int) -> Int {
    switch self {
    case .real, .sign: 0
    case .signPerFilter: filters
    case .signPerLayer: 1
    }
  }

  /// The magnitudes α: one a filter, one for all, or nil where there are none.
  ///
  /// - Shapes: weights `[filters, kh, kw, C/groups]`.   - Complexity: O(weights).
  package func magnitudes(of weight: Parameter) -> [Float]? {
    let count = magnitudeCount(weight.shape[0])
    guard count > 0 else { return nil }
    var sums = [Double](repeating: 0, count: weight.shape[0])
    return [Float](unsafeUninitializedCapacity: count) { magnitudes, written in
      for filter in sums.indices { sums[filter] = Self.sum(of: weight, filter: filter) }
      sums.withUnsafeBufferPointer { sums in
        for index in 0..<count {
          magnitudes.initializeElement(at: index, to: mean(sums, of: weight, at: index))
        }
      }
      written = count
    }
  }

  /// The same numbers in a context's memory, by its threads.
  func magnitudes(of weight: Parameter, on context: ComputeContext) -> PooledArray<Float>? {
    let (filters, count) = (weight.shape[0], magnitudeCount(weight.shape[0]))
    guard count > 0 else { return nil }
    let sums = context.array(filters, of: Double.self)
    context.crew.pool.runRanges(filters, grain: 8) { range, _ in
      for filter in range { sums[filter] = Self.sum(of: weight, filter: filter) }
    }
    let magnitudes = context.array(count, of: Float.self)
    let values = UnsafeBufferPointer(start: sums.pointer, count: filters)
    for index in magnitudes.indices { magnitudes[index] = mean(values, of: weight, at: index) }
    withExtendedLifetime(sums) {}
    return magnitudes
  }

  private static func sum(of weight: Parameter, filter: Int) -> Double {
    let depth = weight.count / weight.shape[0]
    return magnitude(weight.value.pointer + filter * depth, count: depth)
  }

  /// A filter's mean, or that of all.
  private func mean(_ sums: UnsafeBufferPointer<Double>, of weight: Parameter, at index: Int) -> Float {
    if self == .signPerFilter { return Float(sums[index] / Double(weight.count / sums.count)) }
    return Float(sums.reduce(0, +) / Double(weight.count))
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
  func passBack(
    _ weight: Parameter, magnitudes: PooledArray<Float>?, divisors: PooledArray<Float>?,
    on context: ComputeContext
  ) {
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

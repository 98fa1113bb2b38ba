// SPDX-License-Identifier: Apache-2.0

/// The 8-bit weights of a first layer: how reals become integers, and what keeps their sums exact.
///
/// With `a_c` the value of one grey level of channel c, `w'_c = a_c·w_c` is the weight of a byte. Per filter,
/// `s = max|w'| / L`, `q = w'/s` rounded, ties to even, so that `w'·(p − z)` summed is `s·Σ q·(p − z)`.
/// - Shapes: weights `[filters, kh, kw, C]` (C of the group), `values` the same, `scale` `[filters]`.
package struct PixelWeights: Hashable, Sendable {
  /// `q`, in −L…L.
  package var values: [Int8]
  /// `s`, positive.
  package var scale: [Float]

  /// Sums must be whole numbers that a float holds: below 2²⁴.
  package static let exactSums: Int32 = 1 << 24 - 1
  /// With fewer levels a side than these, a weight would have less than 4 bits.
  package static let leastLimit = 7

  /// L: the largest weight of a filter that sums `depth` products.
  ///
  /// 127, unless `depth` is so large that sums of bytes with such weights could pass 2²⁴; nil if fewer than 4 bits are left.
  package static func limit(depth: Int) -> Int? {
    let limit = min(127, Int(exactSums) / 255 / max(1, depth))
    return limit >= leastLimit ? limit : nil
  }

  /// The largest magnitude that a sum of `depth` products of a weight and a byte may have.
  package static func bound(depth: Int) -> Int32 {
    Int32(min(Int(exactSums), 255 * 127 * min(depth, 1 << 24)))
  }

  /// Rounds weights, given in the order filter, row, column, channel of the group; `limit` is L, `units` are the `a_c`.
  ///
  /// Nil if a weight is not finite, or too large to be multiplied by its channel's unit.
  package init?(
    _ weights: UnsafeBufferPointer<Float>, filters: Int, groups: Int, units: [Float], limit: Int
  ) {
    let depth = weights.count / filters
    let groupChannels = units.count / groups
    values = []
    values.reserveCapacity(weights.count)
    scale = []
    scale.reserveCapacity(filters)
    for filter in 0..<filters {
      let first = filter / (filters / groups) * groupChannels
      func value(_ place: Int) -> Float {
        weights[filter * depth + place] * units[first + place % groupChannels]
      }
      var largest: Float = 0
      for place in 0..<depth {
        guard value(place).isFinite else { return nil }
        largest = max(largest, abs(value(place)))
      }
      let step = largest / Float(limit)
      // A filter of zeros, or of numbers near the end of a float's range, is a filter of zeros.
      let isEmpty = !step.isNormal
      scale.append(isEmpty ? 1 : step)
      let bound = Float(limit)
      for place in 0..<depth {
        let rounded = (value(place) / step).rounded(.toNearestOrEven)
        values.append(isEmpty ? 0 : Int8(min(bound, max(-bound, rounded))))
      }
    }
  }
}

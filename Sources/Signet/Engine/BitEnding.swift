// SPDX-License-Identifier: Apache-2.0

/// What lies between the accumulators of a convolution on integers and the next bits, as one function of an integer.
///
/// `threshold (max_pool)` or `(scale or affine) (prelu) (max_pool) (affine) binarize` become intervals of accumulators.
struct BitEnding {
  /// The last operator that was taken in.
  let index: Int
  let intervals: LevelIntervals
  let planes: Int
  let pool: Window?
  /// Channels whose sets are complemented, since they are pooled by minimum; none without a pool.
  let inverted: [Bool]

  /// Reads the operators behind the convolution at `first`; nil if they can't be taken in.
  init?(_ nodes: [Program.Node], behind first: Int) {
    guard case .reals(let shape, let unit?, let bound) = nodes[first].output else { return nil }
    let (ones, zeros) = (
      Array(repeating: Float(1), count: shape.channels), Array(repeating: Float(0), count: shape.channels)
    )
    var operators = OperatorCursor(nodes, behind: first)
    if var intervals = operators.threshold() {
      let pool = operators.codePool()
      if let pool { intervals.complement(where: pool.inverted, bound: bound) }
      (index, self.intervals, planes) = (operators.index, intervals, 1)
      (self.pool, inverted) = (pool?.window, pool?.inverted ?? [])
      return
    }
    var (units, offsets) = (ones.map { $0 * unit }, zeros)
    if let factor = operators.scale(channels: shape.channels) {
      // The unit is a power of two: factors that it does not round away can be taken with it.
      units = factor.map { $0 * unit }
      guard zip(units, factor).allSatisfy({ $0 / unit == $1 && ($0.isNormal || $0 == 0) }) else { return nil }
    } else if unit == 1, let value = operators.affine() {
      // In units of 1 the affine's own product is exact; else its scale times the unit might not be.
      (units, offsets) = value
    }
    let slope = operators.activation() ?? ones
    let pool = operators.maxPool()
    let (scale, shift) = operators.affine() ?? (ones, zeros)
    guard let betas = operators.binarize() else { return nil }
    let expressions = (0..<shape.channels).map {
      LevelIntervals.Expression(
        unit: units[$0], offset: offsets[$0], slope: slope[$0], scale: scale[$0], shift: shift[$0],
        betas: betas)
    }
    // An infinity times a scale of 0 is no number, and the pool of that is not a pool of levels.
    guard expressions.allSatisfy({ $0.isFinite(within: bound) }) else { return nil }
    inverted = scale.map { pool != nil && $0 < 0 }
    intervals = LevelIntervals.derive(expressions, bound: bound, complemented: inverted)
    (index, planes, self.pool) = (operators.index, betas.count, pool)
  }
}

extension LevelIntervals {
  /// Replaces the sets of the chosen channels of a single level by their complements.
  fileprivate mutating func complement(where chosen: [Bool], bound: Int32) {
    for channel in chosen.indices where chosen[channel] {
      (low[0][channel], high[0][channel]) = Self.complement(
        low: low[0][channel], high: high[0][channel], bound: bound)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

extension PlanCompiler {
  /// The operators up to the next bits, if they can be taken in: the last one's index, and what they amount to.
  func ending(
    of node: Program.Node, filters: Int, unit: Float
  ) -> (index: Int, intervals: LevelIntervals, planes: Int, pool: Window?, inverted: [Bool])? {
    guard case .reals(_, _, let bound) = node.output else { return nil }
    var index = next + 1
    if case .threshold(let low, let high)? = operation(at: index) {
      var intervals = LevelIntervals(low: [low], high: [high])
      guard case .codePool(let window, let inverted)? = operation(at: index + 1) else {
        return (index, intervals, 1, nil, [])
      }
      for channel in 0..<filters where inverted[channel] {
        (intervals.low[0][channel], intervals.high[0][channel]) = LevelIntervals.complement(
          low: low[channel], high: high[channel], bound: bound)
      }
      return (index + 1, intervals, 1, window, inverted)
    }
    var slope = Array(repeating: Float(1), count: filters)
    var scale = slope
    var shift = Array(repeating: Float(0), count: filters)
    var pool: Window?
    if case .activation(let slopes)? = operation(at: index) {
      slope = slopes
      index += 1
    }
    if case .maxPool(let window)? = operation(at: index) {
      pool = window
      index += 1
    }
    if case .affine(let scales, let shifts)? = operation(at: index) {
      (scale, shift) = (scales, shifts)
      index += 1
    }
    guard case .binarize(let betas)? = operation(at: index) else { return nil }
    let inverted = scale.map { pool != nil && $0 < 0 }
    let expressions = (0..<filters).map {
      LevelIntervals.Expression(
        unit: unit, slope: slope[$0], scale: scale[$0], shift: shift[$0], betas: betas)
    }
    // An infinity times a scale of 0 is no number, and the pool of that is not a pool of levels.
    guard slope.allSatisfy({ ($0 * (Float(bound) * unit)).isFinite }) else { return nil }
    return (
      index, LevelIntervals.derive(expressions, bound: bound, complemented: inverted), betas.count, pool,
      inverted
    )
  }
}

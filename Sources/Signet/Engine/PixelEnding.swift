// SPDX-License-Identifier: Apache-2.0

/// What lies between the accumulators of a convolution of bytes and the next bits, as one function of an integer.
///
/// `threshold (max_pool)` or `(affine) (prelu) (max_pool) (affine) binarize` become intervals of accumulators; else
/// `(affine) (prelu)` becomes reals.
struct PixelEnding {
  enum Result {
    case bits(LevelIntervals, planes: Int, pool: Window?, inverted: [Bool])
    case reals(scale: [Float], shift: [Float], slope: [Float]?)
  }

  /// The last operator that was taken in.
  private(set) var index: Int
  private(set) var result: Result

  /// Reads the operators behind the convolution at `first`.
  init(_ nodes: [Program.Node], behind first: Int, filters: Int, bound: Int32) {
    func operation(_ index: Int) -> Program.Operation? {
      index < nodes.count ? nodes[index].operation : nil
    }
    if case .threshold(let low, let high)? = operation(first + 1) {
      var intervals = LevelIntervals(low: [low], high: [high])
      guard case .codePool(let window, let inverted)? = operation(first + 2) else {
        (index, result) = (first + 1, .bits(intervals, planes: 1, pool: nil, inverted: []))
        return
      }
      intervals.complement(where: inverted, bound: bound)
      (index, result) = (first + 2, .bits(intervals, planes: 1, pool: window, inverted: inverted))
      return
    }
    var next = first + 1
    var (units, offsets) = (
      Array(repeating: Float(1), count: filters), Array(repeating: Float(0), count: filters)
    )
    if case .affine(let scale, let shift)? = operation(next) {
      (units, offsets) = (scale, shift)
      next += 1
    }
    var slope: [Float]?
    if case .activation(let slopes)? = operation(next) {
      slope = slopes
      next += 1
    }
    (index, result) = (next - 1, .reals(scale: units, shift: offsets, slope: slope))

    var pool: Window?
    if case .maxPool(let window)? = operation(next) {
      pool = window
      next += 1
    }
    var (scale, shift) = (
      Array(repeating: Float(1), count: filters), Array(repeating: Float(0), count: filters)
    )
    if case .affine(let scales, let shifts)? = operation(next) {
      (scale, shift) = (scales, shifts)
      next += 1
    }
    guard case .binarize(let betas)? = operation(next) else { return }
    let expressions = (0..<filters).map {
      LevelIntervals.Expression(
        unit: units[$0], offset: offsets[$0], slope: slope?[$0] ?? 1, scale: scale[$0], shift: shift[$0],
        betas: betas)
    }
    // An infinity times a scale of 0 is no number, and the pool of that is not a pool of levels.
    guard expressions.allSatisfy({ $0.isFinite(within: bound) }) else { return }
    let inverted = scale.map { pool != nil && $0 < 0 }
    index = next
    result = .bits(
      LevelIntervals.derive(expressions, bound: bound, complemented: inverted), planes: betas.count,
      pool: pool, inverted: inverted)
  }
}

extension LevelIntervals {
  /// Replaces the sets of the chosen channels of a single level by their complements.
  mutating func complement(where chosen: [Bool], bound: Int32) {
    for channel in chosen.indices where chosen[channel] {
      (low[0][channel], high[0][channel]) = Self.complement(
        low: low[0][channel], high: high[0][channel], bound: bound)
    }
  }
}

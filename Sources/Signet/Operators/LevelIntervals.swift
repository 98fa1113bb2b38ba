// SPDX-License-Identifier: Apache-2.0

/// The accumulators for which a channel reaches a level: a cyclic interval of integers.
///
/// What follows an accumulator `a` and ends in a sign (`v = fma(unit, a, offset)`, PReLU, BatchNorm, residual
/// binarization) takes each of its 2^M − 1 levels on a set of integers in −K…K that is an interval, or the outside of
/// one if the PReLU slope is negative. `low ≤ a < high` if `low ≤ high`, else `a ≥ low or a < high`.
///
/// The sets are found by evaluating the float expression itself on integers, so that comparing integers gives the
/// same bits as computing floats.
package struct LevelIntervals: Hashable, Sendable {
  /// The first accumulator of each interval, `[level][channel]`.
  package var low: [[Int32]]
  /// The one behind the last, `[level][channel]`.
  package var high: [[Int32]]

  package init(low: [[Int32]], high: [[Int32]]) {
    self.low = low
    self.high = high
  }

  /// What a channel does to an accumulator before its sign is taken.
  package struct Expression: Sendable {
    package var unit: Float
    package var offset: Float
    package var slope: Float
    package var scale: Float
    package var shift: Float
    package var betas: [Float]

    package init(unit: Float, offset: Float = 0, slope: Float, scale: Float, shift: Float, betas: [Float]) {
      self.unit = unit
      self.offset = offset
      self.slope = slope
      self.scale = scale
      self.shift = shift
      self.betas = betas
    }

    /// `v = fma(unit, a, offset)`.
    @inline(__always)
    private func value(_ accumulator: Int32) -> Float { offset.addingProduct(unit, Float(accumulator)) }

    @inline(__always)
    private func activated(_ accumulator: Int32) -> Float {
      let v = value(accumulator)
      return v >= 0 ? v : slope * v
    }

    /// `z = fma(scale, PReLU(v), shift)`, then the residual code, first plane highest.
    @inline(__always)
    package func level(_ accumulator: Int32) -> Int {
      Self.code(of: shift.addingProduct(scale, activated(accumulator)), betas: betas)
    }

    /// Whether what BatchNorm reads is finite for every accumulator in −bound…bound.
    func isFinite(within bound: Int32) -> Bool {
      [-bound, bound].allSatisfy { value($0).isFinite && (slope * value($0)).isFinite }
    }

    /// The first accumulator at which v has another sign than at −bound, where PReLU turns; bound + 1 if there is none.
    ///
    /// v rises or falls with the accumulator, since rounding keeps the order.
    func turn(bound: Int32) -> Int32 {
      // Whole units without an offset: the case of bits.
      if offset == 0, unit > 0 { return 0 }
      let start = value(-bound) >= 0
      guard (value(bound) >= 0) != start else { return bound + 1 }
      var (same, other) = (-bound, bound)
      while other - same > 1 {
        let middle = same + (other - same) / 2
        if (value(middle) >= 0) == start { same = middle } else { other = middle }
      }
      return other
    }

    /// The residual code of a real: a bit for each plane, the first plane's highest.
    @inline(__always)
    package static func code(of value: Float, betas: [Float]) -> Int {
      var residual = value
      var code = 0
      for beta in betas {
        let positive = residual >= 0
        code = code << 1 | (positive ? 1 : 0)
        residual = positive ? residual - beta : residual + beta
      }
      return code
    }
  }

  /// Finds the intervals of every channel, for accumulators in `−bound…bound`.
  ///
  /// The sets of channels in `complemented` are replaced by their complements: for pooling a falling function.
  /// - Complexity: O(channels · 2^M · M · log bound).
  package static func derive(
    _ channels: [Expression], bound: Int32, complemented: [Bool]
  ) -> LevelIntervals {
    let levels = (1 << (channels.first?.betas.count ?? 1)) - 1
    var result = LevelIntervals(
      low: Array(repeating: [], count: levels), high: Array(repeating: [], count: levels))
    for (channel, flipped) in zip(channels, complemented) {
      let turn = channel.turn(bound: bound)
      for level in 1...levels {
        let (low, high) = interval(bound: bound, turn: turn) { (channel.level($0) >= level) != flipped }
        result.low[level - 1].append(low)
        result.high[level - 1].append(high)
      }
    }
    return result
  }

  /// The interval of a set that changes at most once below `turn`, at `turn`, and at most once above.
  static func interval(bound: Int32, turn: Int32, _ contains: (Int32) -> Bool) -> (low: Int32, high: Int32) {
    var switches: [Int32] = []
    func search(_ first: Int32, _ last: Int32) {
      let start = contains(first)
      guard start != contains(last) else { return }
      var (same, other) = (first, last)
      while other - same > 1 {
        let middle = same + (other - same) / 2
        if contains(middle) == start { same = middle } else { other = middle }
      }
      switches.append(other)
    }
    if turn > -bound {
      search(-bound, turn - 1)
      if turn <= bound, contains(turn - 1) != contains(turn) { switches.append(turn) }
    }
    if turn <= bound { search(turn, bound) }
    let start = contains(-bound)
    return switch (switches.count, start) {
    case (0, true): (-bound, bound + 1)
    case (0, false): (-bound, -bound)
    case (1, true): (-bound, switches[0])
    case (1, false): (switches[0], bound + 1)
    case (_, true): (switches[1], switches[0])
    case (_, false): (switches[0], switches[1])
    }
  }

  /// The interval of all accumulators in −bound…bound that `low` and `high` leave out.
  package static func complement(low: Int32, high: Int32, bound: Int32) -> (low: Int32, high: Int32) {
    if low == high { return (-bound, bound + 1) }
    if low == -bound, high == bound + 1 { return (-bound, -bound) }
    return (high, low)
  }

  package func reached(level: Int, channel: Int, accumulator: Int32) -> Bool {
    let (low, high) = (low[level - 1][channel], high[level - 1][channel])
    return low <= high
      ? low <= accumulator && accumulator < high : accumulator >= low || accumulator < high
  }
}

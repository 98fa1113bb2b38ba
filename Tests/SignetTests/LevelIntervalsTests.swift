// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Intervals of accumulators.
///
/// Oracle: the float expression evaluated, by plain means, on every integer in −K…K.
struct LevelIntervalsTests {
  /// The residual code from its definition: signs of what is left, first plane highest.
  private static func code(_ z: Float, betas: [Float]) -> Int {
    var (rest, code) = (z, 0)
    for beta in betas {
      code = 2 * code + (rest >= 0 ? 1 : 0)
      rest -= rest >= 0 ? beta : -beta
    }
    return code
  }

  private static func randomExpression(_ random: inout SplitMix64, bound: Int32, betas: [Float], unit: Float)
    -> LevelIntervals.Expression
  {
    let slopes: [Float] = [1, 0, -0.0, 0.25, -0.25, -1, -4, 3, 0x1p-140, -0x1p-140, 1e-3]
    let scales: [Float] = [1, -1, 0, -0.0, 0.1, -0.1, 0x1p-130, -0x1p-149, 20, -20, 1e30, -1e30]
    let slope =
      random.index(below: 3) == 0 ? random.uniform(-2, 2) : slopes[random.index(below: slopes.count)]
    let scale =
      random.index(below: 3) == 0 ? random.uniform(-1, 1) : scales[random.index(below: scales.count)]
    let shift: Float =
      switch random.index(below: 4) {
      case 0: 0
      case 1: -scale * unit * Float(Int32(random.index(below: Int(2 * bound) + 1)) - bound)
      case 2: random.uniform(-2, 2) * unit * Float(bound) * abs(scale)
      default: random.uniform(-3, 3)
      }
    // Half of them as a first layer on bytes has them: any unit of either sign, and an offset.
    guard random.index(below: 2) == 0 else {
      return LevelIntervals.Expression(unit: unit, slope: slope, scale: scale, shift: shift, betas: betas)
    }
    let units: [Float] = [unit, -unit, 0, -0.0, 0x1p-149, random.uniform(-1, 1), random.uniform(0, 1)]
    let own = units[random.index(below: units.count)]
    let offset: Float =
      switch random.index(below: 4) {
      case 0: 0
      case 1: -own * Float(Int32(random.index(below: Int(2 * bound) + 1)) - bound)
      case 2: random.uniform(-2, 2) * own * Float(bound)
      default: random.uniform(-3, 3)
      }
    return LevelIntervals.Expression(
      unit: own, offset: offset, slope: slope, scale: scale, shift: shift, betas: betas)
  }

  @Test(arguments: 1...4)
  func derivedIntervalsAreTheExpression(planes: Int) {
    for seed in UInt64(0)..<600 {
      var random = SplitMix64(seed: seed, stream: UInt64(planes))
      let bound = Int32(1 + random.index(below: seed % 7 == 0 ? 900 : 40))
      let unit: Float = [1, 0.5, 2, 0.125][random.index(below: 4)]
      let betas = (0..<planes).map { _ in Float(1 + random.index(below: 9)) * unit }
      let channels = (0..<8).map { _ in
        Self.randomExpression(&random, bound: bound, betas: betas, unit: unit)
      }
      let complemented = channels.map { _ in random.index(below: 2) == 1 }
      let intervals = LevelIntervals.derive(channels, bound: bound, complemented: complemented)
      #expect(intervals.low.count == 1 << planes - 1)
      for (c, channel) in channels.enumerated() {
        for a in -bound...bound {
          let v = channel.offset.addingProduct(channel.unit, Float(a))
          let y = v >= 0 ? v : channel.slope * v
          let code = Self.code(channel.shift.addingProduct(channel.scale, y), betas: betas)
          guard channel.level(a) == code else {
            Issue.record("seed \(seed), channel \(c): level of \(a)")
            return
          }
          for level in 1..<(1 << planes) {
            let expected = (code >= level) != complemented[c]
            guard intervals.reached(level: level, channel: c, accumulator: a) == expected else {
              Issue.record("seed \(seed), channel \(c) \(channel): level \(level) at \(a)")
              return
            }
          }
        }
      }
    }
  }

  /// Intervals keep to what a file may hold, −K…K + 1.
  @Test func boundsStayStorable() {
    for seed in UInt64(0)..<500 {
      var random = SplitMix64(seed: seed)
      let bound = Int32(1 + random.index(below: 100))
      let channel = Self.randomExpression(&random, bound: bound, betas: [1], unit: 1)
      for flipped in [false, true] {
        let intervals = LevelIntervals.derive([channel], bound: bound, complemented: [flipped])
        for value in intervals.low[0] + intervals.high[0] { #expect(-bound...(bound + 1) ~= value) }
      }
    }
  }

  /// Oracle: membership, integer by integer, for every interval of a small range.
  @Test func complementIsEverythingElse() {
    for bound in Int32(1)...6 {
      for low in -bound...(bound + 1) {
        for high in -bound...(bound + 1) {
          let (otherLow, otherHigh) = LevelIntervals.complement(low: low, high: high, bound: bound)
          let pair = LevelIntervals(low: [[low, otherLow]], high: [[high, otherHigh]])
          for a in -bound...bound {
            let plain = low <= high ? a >= low && a < high : a >= low || a < high
            #expect(pair.reached(level: 1, channel: 0, accumulator: a) == plain)
            #expect(
              pair.reached(level: 1, channel: 1, accumulator: a) == !plain,
              "complement of \(low)..<\(high) within ±\(bound) at \(a)")
          }
        }
      }
    }
  }

  /// A case by hand: K = 4, slope −1, scale 1, shift −2: |a| ≥ 2, so everything but −1…1.
  @Test func negativeSlopeGivesTheOutside() {
    let channel = LevelIntervals.Expression(unit: 1, slope: -1, scale: 1, shift: -2, betas: [1])
    let intervals = LevelIntervals.derive([channel], bound: 4, complemented: [false])
    #expect(intervals == LevelIntervals(low: [[2]], high: [[-1]]))
    let inside = LevelIntervals.derive([channel], bound: 4, complemented: [true])
    #expect(inside == LevelIntervals(low: [[-1]], high: [[2]]))
  }
}

// SPDX-License-Identifier: Apache-2.0

/// A small, fast, seedable random number generator; the only source of randomness in Signet.
///
/// `state += 0x9E3779B97F4A7C15`, followed by a 64-bit finalizer. Every random choice of a run derives
/// from its seed through named streams, so that the same seed gives the same run.
///
/// - Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
package struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
  package var state: UInt64

  package init(seed: UInt64) {
    state = seed
  }

  /// A stream of its own for one purpose of a run: `salt` keeps streams of one seed apart.
  package init(seed: UInt64, stream salt: UInt64) {
    var mixer = SplitMix64(seed: seed ^ (salt &* 0xD1B5_4A32_D192_ED03))
    state = mixer.next()
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1), with 24 random bits.
  package mutating func unitFloat() -> Float {
    Float(next() >> 40) * 0x1p-24
  }

  /// Uniform in [lower, upper).
  package mutating func uniform(_ lower: Float, _ upper: Float) -> Float {
    lower + (upper - lower) * unitFloat()
  }

  /// Uniform in 0..<bound, by multiplication; the bias is below 2⁻³² for bounds below 2³².
  package mutating func index(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// The indices 0..<count in random order (Fisher and Yates).
  package mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    var last = count - 1
    while last > 0 {
      order.swapAt(last, index(below: last + 1))
      last -= 1
    }
    return order
  }
}

// SPDX-License-Identifier: Apache-2.0

/// Inputs whose zero is a byte: what a first layer of 8-bit weights reads.
extension Preprocessing {
  /// The bytes nearest to the means: `round(255 · mean)`, ties to even, within 0…255.
  package static func zero(nearestTo mean: [Float]) -> [UInt8] {
    mean.map { UInt8(min(255, max(0, (255 * ($0.isFinite ? $0 : 0)).rounded(.toNearestOrEven)))) }
  }

  /// The same preprocessing with its zero moved to the nearest byte.
  package var withByteZero: Preprocessing {
    var result = self
    result.zero = Self.zero(nearestTo: mean)
    return result
  }

  /// What one grey level of each channel is worth: `1 / (255 · deviation)`.
  package var units: [Float] { deviation.map { 1 / (255 * $0) } }

  /// Whether mean, deviation and zero are there for each channel, and are numbers that can be used.
  package var isConsistent: Bool {
    guard mean.count == channels, deviation.count == channels, mean.allSatisfy(\.isFinite),
      deviation.allSatisfy({ $0.isFinite && $0 > 0 })
    else { return false }
    guard let zero else { return true }
    return zero.count == channels && units.allSatisfy(\.isNormal)
  }

  /// How far the byte that an input stands for lies above zero: `x / unit` rounded, kept where bytes are.
  ///
  /// Inputs of ``table()`` give back `p − zero` exactly; what is not a number counts as 0.
  @inline(__always)
  package static func grayLevels(of x: Float, unit: Float, zero: UInt8) -> Float {
    let level = (x / unit).rounded(.toNearestOrEven)
    let (lowest, highest) = (-Float(zero), Float(255 - zero))
    if level < lowest { return lowest }
    if level > highest { return highest }
    return level.isNaN ? 0 : level
  }
}

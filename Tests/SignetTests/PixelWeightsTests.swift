// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Rounding of a first layer's weights, and the zero of its bytes.
///
/// Oracle: the formulas in double precision, written out.
struct PixelWeightsTests {
  @Test(arguments: 0..<20 as Range<UInt64>)
  func weightsAreRoundedPerFilter(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let groups = [1, 2, 3][random.index(below: 3)]
    let (filters, own) = (groups * (1 + random.index(below: 5)), 1 + random.index(below: 3))
    let taps = 1 + random.index(below: 30)
    let limit = [127, 83, 7][random.index(below: 3)]
    let units = (0..<groups * own).map { _ in random.uniform(0.01, 0.05) }
    let weights = (0..<filters * taps * own).map { _ in random.uniform(-1, 1) }
    let result = try #require(
      weights.withUnsafeBufferPointer {
        PixelWeights($0, filters: filters, groups: groups, units: units, limit: limit)
      })
    #expect(result.values.count == weights.count && result.scale.count == filters)
    for filter in 0..<filters {
      let range = filter * taps * own..<(filter + 1) * taps * own
      let group = filter * groups / filters
      let scaled = range.map { Double(weights[$0]) * Double(units[group * own + $0 % own]) }
      let largest = scaled.map(abs).max() ?? 0
      #expect(abs(Double(result.scale[filter]) - largest / Double(limit)) < 1e-6 * largest)
      #expect(
        result.values[range].map { Int($0.magnitude) }.max() == limit, "the largest weight is ±\(limit)")
      for (index, value) in zip(range, scaled) {
        let error = abs(Double(result.values[index]) * Double(result.scale[filter]) - value)
        #expect(error <= 0.5001 * Double(result.scale[filter]), "seed \(seed), weight \(index)")
      }
    }
  }

  @Test func tiesGoToEven() throws {
    // The largest weight is 127 steps of 1.
    let weights: [Float] = [127, 0.5, 1.5, 2.5, -0.5, -1.5, -126.5, 0]
    let result = try #require(
      weights.withUnsafeBufferPointer { PixelWeights($0, filters: 1, groups: 1, units: [1], limit: 127) })
    #expect(result.values == [127, 0, 2, 2, 0, -2, -126, 0])
    #expect(result.scale == [1])
  }

  @Test func weightsWithoutAScale() throws {
    for value in [Float(0), -0.0, 0x1p-149, 0x1p-130] {
      let result = [value, 0, -value].withUnsafeBufferPointer {
        PixelWeights($0, filters: 1, groups: 1, units: [0.015], limit: 127)
      }
      #expect(result?.values == [0, 0, 0] && result?.scale == [1])
    }
    for value in [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
      let result = [value, 1].withUnsafeBufferPointer {
        PixelWeights($0, filters: 1, groups: 1, units: [2], limit: 127)
      }
      #expect(result == nil, "\(value)")
    }
  }

  /// Whatever the depth, sums of the largest bytes and weights are exact as floats.
  @Test func limitsKeepSumsExact() throws {
    for depth in [1, 2, 363, 518, 519, 784, 3072, 9000, 9399] {
      let limit = try #require(PixelWeights.limit(depth: depth))
      #expect(limit >= 7 && limit <= 127)
      #expect(depth * limit * 255 < 1 << 24)
      #expect(limit == 127 || depth * (limit + 1) * 255 >= 1 << 24, "\(depth): more levels would fit")
      #expect(Int(PixelWeights.bound(depth: depth)) >= depth * limit * 255)
      #expect(PixelWeights.bound(depth: depth) < 1 << 24)
    }
    for depth in [9400, 10000, 1 << 30, .max] { #expect(PixelWeights.limit(depth: depth) == nil) }
  }

  /// Every byte's input stands for that byte, and zero is 0.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func inputsGiveTheirBytesBack(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let channels = 1 + random.index(below: 4)
    let plain = Preprocessing(
      height: 2, width: 2, channels: channels,
      mean: (0..<channels).map { _ in random.uniform(-0.1, 1.1) },
      deviation: (0..<channels).map { _ in random.uniform(0.001, 2) })
    let moved = plain.withByteZero
    #expect(plain.zero == nil && plain.isConsistent && moved.isConsistent)
    let (table, other, zero) = (moved.table(), plain.table(), moved.zero ?? [])
    #expect(zero.count == channels)
    for c in 0..<channels {
      let z = zero[c]
      #expect(Int(z) == min(255, max(0, Int((255 * Double(plain.mean[c])).rounded()))))
      #expect(table[c * 256 + Int(z)] == 0)
      let inRange = plain.mean[c] >= 0 && plain.mean[c] <= 1
      for p in 0..<256 {
        let x = table[c * 256 + p]
        #expect(Preprocessing.grayLevels(of: x, unit: moved.units[c], zero: z) == Float(p - Int(z)))
        // Less than half a grey level from the other inputs, apart from float rounding.
        let distance = abs(Double(x) - Double(other[c * 256 + p])) / Double(moved.units[c])
        #expect(!inRange || distance < 0.51)
      }
    }
  }

  @Test func inputsOffTheGrid() {
    func level(_ x: Float) -> Float { Preprocessing.grayLevels(of: x, unit: 0.5, zero: 100) }
    #expect([0.2, 0.3, -0.2, -0.3].map(level) == [0, 1, 0, -1])
    #expect([0.25, 0.75, -0.25, -0.75].map(level) == [0, 2, 0, -2], "ties go to even")
    #expect([77.4, 77.5, 78, 1e30, .infinity].map(level) == [155, 155, 155, 155, 155])
    #expect([-50, -50.1, -1e30, -.infinity].map(level) == [-100, -100, -100, -100])
    #expect(level(.nan) == 0)
  }

  @Test func preprocessingsThatDoNotFit() {
    func preprocessing(_ deviation: Float, _ zero: [UInt8]?) -> Preprocessing {
      Preprocessing(height: 1, width: 1, channels: 1, mean: [0], deviation: [deviation], zero: zero)
    }
    #expect(preprocessing(1, [0]).isConsistent && preprocessing(0x1p-130, nil).isConsistent)
    for deviation in [Float(0), -1, .nan, .infinity, 0x1p-149, .greatestFiniteMagnitude] {
      #expect(!preprocessing(deviation, [0]).isConsistent, "\(deviation)")
    }
    #expect(!preprocessing(1, []).isConsistent && !preprocessing(1, [1, 2]).isConsistent)
  }
}

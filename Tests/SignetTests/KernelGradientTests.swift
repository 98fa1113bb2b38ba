// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Both products of a binary layer's backward pass, on every instruction set and in every precision.
///
/// Oracle: the definition in double precision, on the operands as they were rounded. Sums of bytes are integers, so that
/// their products are known to the last bit.
struct KernelGradientTests {
  static let shapes = [
    GradientShape(),
    // More than one block of filters, a stride that leaves pixels out, a group of more than one word.
    GradientShape(images: 1, height: 9, width: 8, channels: 70, filters: 50, stride: (2, 2)),
    GradientShape(channels: 33, filters: 7, kernel: (1, 1), padding: (0, 0)),
    GradientShape(channels: 5, filters: 3, kernel: (2, 3), stride: (1, 2), padding: (1, 2), groups: 3),
    GradientShape(
      images: 1, height: 5, width: 5, channels: 48, filters: 12, kernel: (5, 5), padding: (2, 2), groups: 2),
    // No tap but one: nothing is kept; a stride that leaves whole pixels out.
    GradientShape(images: 6, channels: 70, filters: 9, kernel: (1, 1), stride: (2, 1), padding: (0, 0)),
    // More filters than steps of an expanded panel in any precision; more pixels than share one.
    GradientShape(
      images: 1, height: 3, width: 3, channels: 17, filters: 1033, kernel: (2, 2), padding: (0, 0)),
    GradientShape(images: 7, height: 6, width: 6, channels: 16, filters: 6, kernel: (1, 1), padding: (0, 0)),
    GradientShape(images: 9, height: 7, width: 7, channels: 1, filters: 1, stride: (3, 3), padding: (0, 0)),
    // Enough taps and filters for sums to be looked up; lines that end within a tile; more filters than 16 bits hold.
    GradientShape(images: 3, height: 10, width: 9, channels: 33, filters: 36, groups: 2),
    GradientShape(images: 2, height: 7, width: 11, channels: 40, filters: 264, stride: (2, 1)),
    GradientShape(
      images: 2, height: 2, width: 3, channels: 260, filters: 516, kernel: (1, 1), padding: (0, 0)),
    // More rows than tables are kept of, more columns of reals than go over them together, taps that miss whole lines.
    GradientShape(
      images: 3, height: 12, width: 13, channels: 24, filters: 40, kernel: (5, 5), padding: (2, 2)),
    // More columns of bytes than that, three a tap; rows that fill neither a table nor a word; and one column a tap.
    GradientShape(
      images: 1, height: 17, width: 19, channels: 40, filters: 33, kernel: (5, 5), padding: (2, 2)),
    GradientShape(images: 2, height: 9, width: 9, channels: 9, filters: 33, kernel: (4, 4)),
    // Sums for an input gradient that are looked up under several taps.
    GradientShape(images: 1, height: 8, width: 9, channels: 32, filters: 37),
    // Lines too long for all that a pixel's taps lead to to be at hand as a whole.
    GradientShape(images: 2, height: 3, width: 180, channels: 20, filters: 9),
    GradientShape(
      images: 1, height: 4, width: 260, channels: 33, filters: 18, kernel: (3, 4), stride: (2, 2),
      padding: (1, 2)),
  ]
  static let precisions = [sk_precision.float32, .bfloat16, .int8]

  /// Which of the two forms gradients may arrive in.
  private static func kinds(_ precision: sk_precision) -> [sk_precision] {
    precision == .int8 ? [.float32, .bfloat16] : [precision]
  }

  /// Where work is cut: it must not change a bit.
  enum Split: CaseIterable {
    case whole, cut
  }

  /// Expects each value within 1e-6 of the sum of its terms' magnitudes.
  static func expectNear(
    _ found: [Float], _ expected: [(sum: Double, magnitude: Double)], _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (at, value) in expected.enumerated()
    where !(abs(Double(found[at]) - value.sum) <= 1e-6 * value.magnitude) {
      Issue.record(
        "\(comment): \(found[at]) instead of \(value.sum) at \(at)", sourceLocation: sourceLocation)
      return
    }
  }

  /// Runs every precision, kind of gradient, table and split of a shape; `product` gives a result and its definition.
  ///
  /// The first table's result must be near the definition, all others must have its bits; those with an
  /// order of their own, sums of bfloat16 that are looked up four by four, have bits of their own.
  private func forEachRun(
    _ shape: GradientShape, planes: Int, seed: UInt64,
    hasOwnOrder: (GradientRun) -> Bool,
    _ product: (GradientRun) -> (found: [Float], expected: () -> [(sum: Double, magnitude: Double)]),
    also check: (GradientRun, _ found: [Float], sk_precision, _ place: String) -> Void
  ) throws {
    for precision in Self.precisions {
      for kind in Self.kinds(precision) {
        var sample = try GradientSample(shape, planes: planes, seed: seed)
        sample.round(to: kind)
        var all: [String: [Float]] = [:]
        for table in GradientTable.all {
          for split in Split.allCases {
            let place = "\(table), \(precision) from \(kind), \(split)"
            let run = GradientRun(sample, kind: kind, precision: precision, split: split, on: table)
            let (found, expected) = product(run)
            let own = table.order(precision, hasOwnOrder: precision == .bfloat16 && hasOwnOrder(run))
            if let bits = all[own] {
              expectSameBits(found, bits, place)
            } else {
              all[own] = found
              Self.expectNear(found, expected(), place)
            }
            check(run, found, precision, place)
          }
        }
      }
    }
  }

  @Test(arguments: shapes, 1...4)
  func weightGradient(_ shape: GradientShape, planes: Int) throws {
    try forEachRun(shape, planes: planes, seed: 31, hasOwnOrder: \.looksUpWeights) {
      ($0.weightGradient(), $0.expectedWeightGradient)
    } also: { run, found, precision, place in
      if precision == .int8 { expectSameBits(found, run.exactWeightGradient(), place) }
    }
  }

  @Test(arguments: shapes)
  func inputGradient(_ shape: GradientShape) throws {
    try forEachRun(shape, planes: 1, seed: 32, hasOwnOrder: \.looksUpInputs) {
      ($0.inputGradient(), $0.expectedInputGradient)
    } also: { run, found, _, place in
      expectSameBits(
        run.inputGradient(into: .bfloat16), found.map { widened(bfloat16($0)) }, "\(place), into bfloat16")
    }
  }

  /// Each sum is one chain of fused multiply-adds, row by row; a pair of bfloat16 is two of them, the second row first.
  ///
  /// AVX-512's instruction for pairs treats denormal numbers as 0; on normal ones it gives these bits too.
  @Test(arguments: [sk_precision.float32, .bfloat16], [1, 3])
  func sumsAreTakenInOrder(precision: sk_precision, planes: Int) throws {
    for shape in Self.shapes.prefix(4) {
      var sample = try GradientSample(shape, planes: planes, seed: 35)
      var random = SplitMix64(seed: 36)
      for at in sample.dy.indices {
        // Sizes from 2⁻²⁰ to 2²⁰: most of what is added is rounded off.
        sample.dy[at] *= Float(sign: .plus, exponent: random.index(below: 41) - 20, significand: 1)
      }
      sample.round(to: precision)
      for table in GradientTable.all where !table.hasOwnRounding(precision) {
        let run = GradientRun(sample, kind: precision, precision: precision, on: table)
        if precision == .bfloat16, run.looksUpWeights { continue }
        expectSameBits(run.weightGradient(), run.orderedWeightGradient(), "\(table), \(shape)")
      }
    }
  }

  /// Up to 3 bytes behind the last row may be read, so they must not count, whatever they are.
  @Test(arguments: precisions)
  func whatIsBehindTheGradientDoesNotCount(precision: sk_precision) throws {
    let kind = Self.kinds(precision)[0]
    for filters in 1...5 {
      var sample = try GradientSample(GradientShape(filters: filters), planes: 1, seed: 33)
      sample.round(to: kind)
      for table in GradientTable.all {
        func gradients(_ behind: UInt8) -> [Float] {
          let run = GradientRun(sample, kind: kind, precision: precision, behind: behind, on: table)
          return run.inputGradient() + run.weightGradient()
        }
        // 0xFFFF is no number in bfloat16.
        expectSameBits(gradients(0xFF), gradients(0), "\(table), \(filters) filters, \(precision)")
      }
    }
  }

  /// Levels of at most 126 times bytes of 127 on more rows than 32 bits hold.
  ///
  /// A float holds sums of this size to 2⁻²⁴ of what was added up, before the offset is taken off.
  @Test func sumsOfBytesAreEmptiedInTime() throws {
    let shape = GradientShape(
      images: 1, height: 430, width: 400, channels: 5, filters: 3, kernel: (1, 1), padding: (0, 0))
    var sample = try GradientSample(shape, planes: 2, seed: 34)
    #expect(sample.rows > 1 << 17 && sample.offset == 63)
    // The first channels are all +, all −; the first filters have constant gradients.
    for pixel in 0..<sample.pixels {
      for plane in 0..<2 { sample.codes[pixel * 2 + plane] = sample.codes[pixel * 2 + plane] & ~3 | 1 }
      (sample.dy[pixel * 3], sample.dy[pixel * 3 + 1]) = (0.5, -0.5)
    }
    var bits: [Float] = []
    for table in GradientTable.all {
      for split in Split.allCases {
        let run = GradientRun(sample, kind: .float32, precision: .int8, split: split, on: table)
        if bits.isEmpty {
          bits = run.weightGradient()
          Self.expectNear(bits, run.expectedWeightGradient(), "\(table)")
        }
        expectSameBits(run.weightGradient(), bits, "\(table), \(split)")
      }
    }
    // Twice what 32 bits hold would have wrapped around to.
    let largest = Float(sample.rows) * 126 * (0.5 / SK_GRADIENT_LIMIT) * sample.betas.reduce(0, +)
    #expect(bits[0] > largest && bits[1] < -largest && bits[5] < -largest && bits[6] > largest)
  }
}

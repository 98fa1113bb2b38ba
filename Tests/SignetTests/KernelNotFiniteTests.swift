// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Gradients with infinities and NaN in them, on every instruction set and in every precision.
///
/// Oracle: the places that a bad number has a part in, by the definition of the products; everywhere else the bits of the same
/// gradient with 0 in place of what is bad.
struct KernelNotFiniteTests {
  /// Numbers that carry into the sign when they are rounded as integers, both signs, and infinities.
  static let bad: [UInt32] = [
    0x7FC0_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7F80_0001, 0x7F80_0000, 0xFF80_0000,
  ]

  /// Rows and filters of bad numbers.
  private static func places(rows: Int, filters: Int) -> [(row: Int, filter: Int)] {
    var random = SplitMix64(seed: UInt64(rows * 1000 + filters))
    return (0..<2).map { _ in (random.index(below: rows), random.index(below: filters)) }
  }

  /// A bad number is a byte of 0; the scales of its row and filter tell of it, and all others are as if it were 0.
  @Test(arguments: KernelPackingTests.sizes, [sk_precision.float32, .bfloat16])
  func bytes(size: (Int, Int), kind: sk_precision) {
    let (rows, filters) = size
    for bits in Self.bad {
      var clean = KernelPackingTests.Rows(rows, filters: filters, seed: 51)
      clean.round(to: kind)
      var sample = clean
      let places = Self.places(rows: rows, filters: filters)
      for (row, filter) in places {
        let at = row * clean.stride + 2 + filter
        (clean.dy[at], sample.dy[at]) = (0, Float(bitPattern: bits))
      }
      let isNaN = Float(bitPattern: bits).isNaN
      var first: PackedSample?
      for table in GradientTable.all {
        for cuts in [[], [4, 8].filter { $0 < rows }] {
          let (packed, expected) = (
            sample.packed(kind, .int8, cuts: cuts, on: table), clean.packed(kind, .int8, on: table)
          )
          let place = "\(table), \(String(bits, radix: 16)), \(cuts)"
          for row in 0..<rows {
            let isBad = places.contains { $0.row == row }
            let (scale, wanted) = (packed.rowScales.pointer[row], expected.rowScales.pointer[row])
            #expect(
              isBad ? isNaN ? scale.isNaN : scale == .infinity : scale == wanted, "row \(row), \(place)")
            let byRow = (0..<filters).map { packed.byRow(row: row, filter: $0) }
            let numbers = (0..<filters).map { expected.byRow(row: row, filter: $0) }
            expectEqual(byRow, isBad ? numbers.map { _ in 0 } : numbers, "row \(row), \(place)")
          }
          for f in 0..<filters {
            let isBad = places.contains { $0.filter == f }
            let (scale, wanted) = (packed.columnScales.pointer[f], expected.columnScales.pointer[f])
            #expect(
              isBad ? isNaN ? scale.isNaN : scale == .infinity : scale == wanted, "filter \(f), \(place)")
            let byFilter = (0..<rows).map { packed.byFilter(row: $0, filter: f) }
            let numbers = (0..<rows).map { expected.byFilter(row: $0, filter: f) }
            expectEqual(byFilter, isBad ? numbers.map { _ in 0 } : numbers, "filter \(f), \(place)")
          }
          let other = first ?? packed
          expectSameBits(packed.rowScales.array, other.rowScales.array, place)
          expectSameBits(packed.maxima.array, other.maxima.array, place)
          expectEqual(packed.plainWords, other.plainWords, place)
          first = other
        }
      }
    }
  }

  /// Products have no number wherever a bad one has a part in them, and the right ones elsewhere.
  @Test(arguments: KernelGradientTests.shapes, [1, 2])
  func products(shape: GradientShape, planes: Int) throws {
    for precision in KernelGradientTests.precisions {
      for bits in [Self.bad[0], Self.bad[1], Self.bad[4]] {
        let kind = precision == .bfloat16 ? sk_precision.bfloat16 : .float32
        var clean = try GradientSample(shape, planes: planes, seed: 52)
        clean.round(to: kind)
        var sample = clean
        let places = Self.places(rows: sample.rows, filters: sample.filters)
        for (row, filter) in places {
          let at = row * sample.filters + filter
          (clean.dy[at], sample.dy[at]) = (0, Float(bitPattern: bits))
        }
        let badInputs = Self.inputs(sample, places)
        let each = sample.window.taps * shape.channels
        for table in GradientTable.all {
          let place = "\(table), \(precision), \(String(bits, radix: 16))"
          let run = GradientRun(sample, kind: kind, precision: precision, on: table)
          let numbers = GradientRun(clean, kind: kind, precision: precision, on: table)
          Self.expect(
            run.weightGradient(), numbers.weightGradient(),
            isBad: { index in places.contains { $0.filter == index / each } }, "dW, \(place)")
          for result in [sk_precision.float32, .bfloat16] {
            Self.expect(
              run.inputGradient(into: result), numbers.inputGradient(into: result),
              isBad: { badInputs[$0] }, "dX into \(result), \(place)")
          }
        }
      }
    }
  }

  /// Which input values a row with a bad number has a part in: those of its group that pass the mask.
  private static func inputs(_ sample: GradientSample, _ places: [(row: Int, filter: Int)]) -> [Bool] {
    let (shape, taps) = (sample.shape, sample.window.taps)
    var bad = [Bool](repeating: false, count: sample.pixels * shape.channels * shape.groups)
    for (row, filter) in places {
      let group = filter / shape.filters
      for tap in 0..<taps {
        guard let pixel = sample.pixel(row: row, tap: tap) else { continue }
        for channel in 0..<shape.channels where sample.passes(pixel: pixel, channel: channel, group: group) {
          bad[(pixel * shape.groups + group) * shape.channels + channel] = true
        }
      }
    }
    return bad
  }

  private static func expect(
    _ found: [Float], _ numbers: [Float], isBad: (Int) -> Bool, _ comment: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let wrong = found.indices.first { index in
      isBad(index) ? found[index].isFinite : found[index].bitPattern != numbers[index].bitPattern
    }
    if let wrong {
      Issue.record(
        "\(comment): \(found[wrong]) at \(wrong) where \(isBad(wrong) ? "no number" : "\(numbers[wrong])") belongs",
        sourceLocation: sourceLocation)
    }
  }
}

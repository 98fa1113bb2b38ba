// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Gradients rounded at random to bytes.
///
/// Oracle: what the definition says of each byte, of the mean over many keys, and of two bytes that are unrelated.
struct KernelRandomRoundingTests {
  /// The greatest values that a filter or a row may have, of any size, stay within 127 steps whatever the random bits.
  @Test(arguments: [Float(1), 3.1e-5, 7e8, 1.1e-30, 0.9e-30, 3.4e38, 0x1p-123, 0x1p-130, 0x1p-147])
  func maximaNeverOverflow(most: Float) {
    // Each row and each filter is one value and its opposite.
    let dy = (0..<64 * 16).map { ($0 + $0 / 16) % 2 == 0 ? most : -most }
    for table in GradientTable.all {
      for key in 0..<64 {
        let packed = PackedSample(
          dy, stride: 16, first: 0, filters: 16, kind: .float32, precision: .int8, key: UInt64(key), on: table
        )
        let values = (0..<dy.count).flatMap {
          [packed.byRow(row: $0 / 16, filter: $0 % 16), packed.byFilter(row: $0 / 16, filter: $0 % 16)]
        }
        let wrong = values.indices.first { at in
          let wanted: [Double] = dy[at / 2] > 0 ? [126, 127] : [-126, -127]
          // Too small for a scale: 0.
          return most < SK_GRADIENT_SMALLEST ? values[at] != 0 : !wanted.contains(values[at])
        }
        if let wrong {
          Issue.record("\(table): \(values[wrong]) for ±\(most), key \(key)")
          return
        }
      }
    }
  }

  /// On average a byte is its value: the mean over n keys is within 6 deviations, and 2⁻¹⁴ steps for random numbers of
  /// 16 bits and the sum's own rounding.
  ///
  /// The deviation of one byte is √(f(1 − f)) with f the value's fraction, so that of the mean at most 1 / (2√n).
  @Test func bytesAreRightOnAverage() {
    let sample = KernelPackingTests.Rows(5, filters: 37, seed: 43)
    let keys = 4096
    guard let table = GradientTable.all.last else { return }
    var (byRow, byFilter) = ([Double](repeating: 0, count: 5 * 37), [Double](repeating: 0, count: 5 * 37))
    var random = SplitMix64(seed: 44)
    var packed = sample.packed(.float32, .int8, on: table)
    for _ in 0..<keys {
      packed = sample.packed(.float32, .int8, key: random.next(), on: table)
      for at in byRow.indices {
        byRow[at] += packed.byRow(row: at / 37, filter: at % 37)
        byFilter[at] += packed.byFilter(row: at / 37, filter: at % 37)
      }
    }
    func check(_ sum: Double, _ value: Float, _ scale: Float, _ place: String) {
      let exact = scale > 0 ? Double(value) / Double(scale) : 0
      let fraction = exact - exact.rounded(.down)
      let bound = 6 * (fraction * (1 - fraction) / Double(keys)).squareRoot() + 0x1p-14
      #expect(abs(sum / Double(keys) - exact) <= bound, "\(place), \(fraction)")
    }
    for at in byRow.indices {
      let (row, f) = (at / 37, at % 37)
      check(byRow[at], sample.value(row, f), packed.rowScales.pointer[row], "row \(row), filter \(f)")
      check(byFilter[at], sample.value(row, f), packed.columnScales.pointer[f], "filter \(f), row \(row)")
    }
  }

  /// The random bits follow from key, row and filter: the same ones again for the same, others for others.
  ///
  /// A value in the middle of two steps goes up or down with equal odds: of 4096 pairs of places, 2048 ± 6·32 agree.
  @Test func randomBitsDifferByRowFilterAndKey() throws {
    let (rows, filters) = (65, 65)
    // The greatest value makes a step; all others lie half a step above 40 of them.
    var dy = [Float](repeating: 40.5 / SK_GRADIENT_LIMIT, count: rows * filters)
    for row in 0..<rows { dy[row * filters + 64] = 1 }
    for f in 0..<filters { dy[64 * filters + f] = 1 }
    let table = try #require(GradientTable.all.last)
    func ups(_ key: UInt64) -> (byRow: [[Bool]], byFilter: [[Bool]]) {
      let packed = PackedSample(
        dy, stride: filters, first: 0, filters: filters, kind: .float32, precision: .int8, key: key, on: table
      )
      func ups(_ value: (Int, Int) -> Double) -> [[Bool]] {
        (0..<64).map { row in (0..<64).map { value(row, $0) > 40 } }
      }
      return (
        ups { packed.byRow(row: $0, filter: $1) }, ups { packed.byFilter(row: $0, filter: $1) }
      )
    }
    let (one, again, other, next) = (ups(1), ups(1), ups(2), ups(1 << 32 | 1))
    #expect(one == again)
    func expectUnrelated(_ a: [[Bool]], _ b: [[Bool]], _ what: Comment) {
      let pairs = zip(a.joined(), b.joined())
      let (equal, count) = (pairs.filter { $0 == $1 }.count, a.count * a[0].count)
      let bound = 6 * Double(count).squareRoot() / 2
      #expect(abs(Double(equal) - Double(count) / 2) <= bound, what)
    }
    for (a, b) in [(one.byRow, one.byFilter), (one.byRow, other.byRow), (one.byRow, next.byRow)] {
      expectUnrelated(a, b, "two forms, two keys")
    }
    for form in [one.byRow, one.byFilter] {
      let turned = (0..<64).map { f in form.map { $0[f] } }
      for distance in [1, 2, 4, 16, 32] {
        expectUnrelated(
          Array(form.dropFirst(distance)), Array(form.dropLast(distance)), "rows \(distance) apart")
        expectUnrelated(
          Array(turned.dropFirst(distance)), Array(turned.dropLast(distance)), "filters \(distance) apart")
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Gradients in the forms that products read: how they lie, and how they are rounded, on every instruction set.
///
/// Oracle: the layout's definition, and integer arithmetic on a float's bits.
struct KernelPackingTests {
  /// Gradients of a group in the middle of wider rows: `rows` of `filters` between 2 others before and 3 behind.
  struct Rows {
    var filters: Int
    var count: Int
    var dy: [Float]
    var stride: Int { filters + 5 }

    init(_ count: Int, filters: Int, seed: UInt64) {
      var random = SplitMix64(seed: seed)
      (self.count, self.filters) = (count, filters)
      dy = []
      for row in 0..<count {
        for _ in 0..<filters + 5 {
          // Rows of different sizes, zeros, and whole rows of them.
          let isZero = row % 7 == 3 || random.index(below: 6) == 0
          dy.append(isZero ? 0 : random.uniform(-1, 1) * Float(row + 1))
        }
      }
    }

    func value(_ row: Int, _ filter: Int) -> Float { dy[row * stride + 2 + filter] }

    func packed(
      _ kind: sk_precision, _ precision: sk_precision, key: UInt64 = 5, cuts: [Int] = [],
      on table: GradientTable
    ) -> PackedSample {
      PackedSample(
        dy, stride: stride, first: 2, filters: filters, kind: kind, precision: precision, key: key,
        cuts: cuts,
        on: table)
    }

    mutating func round(to kind: sk_precision) {
      if kind == .bfloat16 { dy = dy.map { widened(bfloat16($0)) } }
    }
  }

  static let sizes = [(1, 1), (3, 5), (4, 16), (6, 47), (9, 48), (17, 49), (200, 97)]

  /// The rows of a word side by side, low half first; 0 behind the last row and the last filter.
  @Test(arguments: sizes)
  func layout(rows: Int, filters: Int) {
    var sample = Rows(rows, filters: filters, seed: 41)
    for precision in [sk_precision.float32, .bfloat16] {
      sample.round(to: precision)
      for table in GradientTable.all {
        for cuts in [[], [4, 8, 12].filter { $0 < rows }] {
          let packed = sample.packed(precision, precision, cuts: cuts, on: table)
          let inWord = precision == .float32 ? 1 : 2
          var expected = [UInt32](repeating: 0, count: packed.plainWords.count)
          for row in 0..<rows {
            for f in 0..<filters {
              let steps = (rows + 3) / 4 * 4 / inWord
              let bits = sample.value(row, f).bitPattern
              expected[(f / 48 * steps + row / inWord) * 48 + f % 48] |=
                inWord == 1 ? bits : (bits >> 16) << UInt32(16 * (row % 2))
            }
          }
          expectEqual(packed.plainWords, expected, "\(table), \(precision), \(cuts)")
          #expect(packed.isPaddedWithZeros)
        }
      }
    }
  }

  /// Every byte is within one step of its value, sums are the bytes' own, and places without a value are 0.
  @Test(arguments: sizes, [sk_precision.float32, .bfloat16])
  func bytes(size: (Int, Int), kind: sk_precision) {
    let (rows, filters) = size
    var sample = Rows(rows, filters: filters, seed: 42)
    sample.round(to: kind)
    var first: PackedSample?
    for table in GradientTable.all {
      for cuts in [[], [4, 8, 12].filter { $0 < rows }] {
        let packed = sample.packed(kind, .int8, cuts: cuts, on: table)
        let place = "\(table), \(cuts)"
        if let first {
          expectEqual(packed.plainWords, first.plainWords, place)
          #expect(packed.isPaddedWithZeros)
          expectEqual(packed.bytes.array, first.bytes.array, place)
          expectEqual(packed.rowSums.array, first.rowSums.array, place)
          expectEqual(packed.columnSums.array, first.columnSums.array, place)
          expectSameBits(packed.rowScales.array, first.rowScales.array, place)
          expectSameBits(packed.maxima.array, first.maxima.array, place)
          continue
        }
        first = packed
        var (rowSums, columnSums) = (
          [Int32](repeating: 0, count: rows), [Int32](repeating: 0, count: filters)
        )
        for row in 0..<rows {
          let most = (0..<filters).map { abs(sample.value(row, $0)) }.max() ?? 0
          #expect(abs(packed.rowScales.pointer[row] - most / SK_GRADIENT_LIMIT) <= most * 0x1p-29)
          for f in 0..<filters {
            let value = Double(sample.value(row, f))
            for (q, scale) in [
              (packed.byRow(row: row, filter: f), packed.rowScales.pointer[row]),
              (packed.byFilter(row: row, filter: f), packed.columnScales.pointer[f]),
            ] {
              guard abs(q) <= 127, abs(q * Double(scale) - value) < Double(scale) * 1.0001 || value == 0
              else {
                Issue.record("\(q) steps of \(scale) for \(value) in row \(row), filter \(f)")
                return
              }
              #expect(value != 0 || q == 0)
            }
            rowSums[row] += Int32(packed.byRow(row: row, filter: f))
            columnSums[f] += Int32(packed.byFilter(row: row, filter: f))
          }
        }
        for f in 0..<filters {
          let most = (0..<rows).map { abs(sample.value($0, f)) }.max()
          #expect(packed.maxima.pointer[f] == most)
        }
        expectEqual(packed.rowSums.array, rowSums, "row sums")
        expectEqual(packed.columnSums.array, columnSums, "filter sums")
        let steps = (rows + 3) / 4
        for (at, word) in packed.plainWords.enumerated() {
          let (block, step, f) = (at / 48 / steps, at / 48 % steps, at % 48)
          let isUsed = block * 48 + f < filters
          let behind = max(0, min(4, (step + 1) * 4 - rows))
          let unused: UInt32 = !isUsed ? ~0 : behind == 0 ? 0 : ~0 << UInt32(32 - 8 * behind)
          #expect(word & unused == 0, "step \(step), filter \(block * 48 + f)")
        }
      }
    }
  }

  /// Sums are taken row by row in order.
  @Test(arguments: sizes)
  func sums(rows: Int, filters: Int) {
    for kind in [sk_precision.float32, .bfloat16] {
      var sample = Rows(rows, filters: filters, seed: 45)
      sample.round(to: kind)
      let expected = (0..<filters).map { f in
        (0..<rows).reduce(Float(0)) { $0 + sample.value($1, f) }
      }
      for table in GradientTable.all {
        expectSameBits(sample.packed(kind, kind, on: table).sums(0..<rows, on: table), expected, "\(table)")
        if rows > 1 {
          let part = sample.packed(kind, kind, on: table).sums(rows - 1..<rows, on: table)
          expectSameBits(part, (0..<filters).map { sample.value(rows - 1, $0) + 0 }, "\(table), the last row")
        }
      }
    }
  }

  /// Ties, carries into the exponent and to infinity, denormals, both zeros and NaN, whose bits a carry would make a number;
  /// widening brings every finite bfloat16 back.
  @Test func roundAndWiden() {
    var bits: [UInt32] = [
      0, 0x8000_0000, 1, 0x8000, 0x8001, 0x1_8000, 0x7FFF, 0x3F80_8000, 0x3F81_8000, 0x3F80_7FFF, 0x3F80_8001,
      0x3FFF_FFFF, 0x7F7F_7FFF, 0x7F80_0000, 0xFF80_0000, 0xBF81_8000, 0x80_0000, 0x7F_8000, 0x7F7F_8000,
      0xFF7F_FFFF, 0x7F80_0001, 0x7F80_7FFF, 0x7F80_8000, 0x7FC0_0000, 0x7FFF_8000, 0x7FFF_FFFF, 0xFF80_0001,
      0xFFC0_0000, 0xFFFF_7FFF, 0xFFFF_FFFF,
    ]
    var random = SplitMix64(seed: 46)
    bits += (0..<501).map { _ in UInt32(truncatingIfNeeded: random.next()) }.filter { $0 >> 23 & 255 < 255 }
    let finite = (0..<1 << 16).map(UInt16.init).filter { $0 >> 7 & 255 < 255 }
    for table in GradientTable.all {
      for count in [0, 1, 15, 16, 17, bits.count] {
        let floats = bits.prefix(count).map(Float.init(bitPattern:))
        var found = [UInt16](repeating: 0xABCD, count: count + 1)
        table.kernels.round(floats + [0], &found, count)
        expectEqual(found, floats.map(bfloat16) + [0xABCD], "round, \(table), \(count)")
      }
      var wide = [Float](repeating: .nan, count: finite.count)
      table.kernels.widen(finite, &wide, finite.count)
      expectEqual(wide.map(\.bitPattern), finite.map { UInt32($0) << 16 }, "widen, \(table)")
      var narrow = [UInt16](repeating: 0, count: finite.count)
      table.kernels.round(wide, &narrow, finite.count)
      expectEqual(narrow, finite, "round of what was widened, \(table)")
    }
  }
}

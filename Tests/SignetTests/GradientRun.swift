// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// Both products of a sample, by the kernels of one instruction set and by their definition.
struct GradientRun {
  private let sample: GradientSample
  private let precision: sk_precision
  private let split: KernelGradientTests.Split
  private let table: GradientTable
  private let parts: [PackedSample]
  private let scratch: AlignedBuffer<UInt8>

  init(
    _ sample: GradientSample, kind: sk_precision, precision: sk_precision,
    split: KernelGradientTests.Split = .whole, behind: UInt8 = 0, on table: GradientTable
  ) {
    (self.sample, self.precision, self.split, self.table) = (sample, precision, split, table)
    let own = sample.shape.filters
    let cuts = split == .whole ? [] : [4, 8, sample.rows / 2 / 4 * 4].filter { $0 < sample.rows }
    parts = (0..<sample.shape.groups).map { group in
      PackedSample(
        sample.dy, stride: sample.filters, first: group * own, filters: own, kind: kind,
        precision: precision, key: 77 + UInt64(group), cuts: Set(cuts).sorted(), behind: behind, on: table)
    }
    scratch = AlignedBuffer(
      count: sk_gradient_scratch_bytes(own, sample.shape.channels, sample.window.taps))
    // What is left in it must not count.
    scratch.pointer.update(repeating: 0xFF, count: scratch.count)
  }

  /// Ranges that cover `count`, in pieces of odd sizes if the work is cut.
  private func ranges(_ count: Int) -> [Range<Int>] {
    guard split == .cut else { return [0..<count] }
    var ranges: [Range<Int>] = []
    var begin = 0
    while begin < count {
      let end = min(count, begin + [1, 5, 2, 7, 200][ranges.count % 5])
      ranges.append(begin..<end)
      begin = end
    }
    return ranges.reversed()
  }

  /// Whether the weights' gradient is looked up, in groups of rows that are added up by themselves.
  var looksUpWeights: Bool {
    let (codes, levels) = (AlignedBuffer(sample.codes), AlignedBuffer(sample.levels))
    let dw = AlignedBuffer<Float>(count: 1)
    defer { withExtendedLifetime((codes, levels, dw)) {} }
    return withUnsafePointer(
      to: weightCall(0, codes: codes.pointer, levels: levels.pointer, dw: dw.pointer)
    ) { table.product(precision).weight_columns($0).by_lookup }
  }

  private func weightCall(
    _ group: Int, codes: UnsafePointer<UInt32>, levels: UnsafePointer<Float>, dw: UnsafeMutablePointer<Float>
  ) -> sk_weight_gradient {
    let (shape, layout, part) = (sample.shape, sample.layout, parts[group])
    return sk_weight_gradient(
      window: sample.window.cValue, images: nil, bits: codes + group * layout.groupWords,
      pixel_words: UInt32(layout.words * sample.planes), plane_words: UInt32(layout.words),
      planes: UInt32(sample.planes), channels: UInt32(shape.channels), levels: levels,
      quantum: sample.quantum, offset: sample.offset, dy: part.words.pointer, rows: sample.rows,
      filters: UInt32(shape.filters), scales: part.columnScales.pointer, sums: part.columnSums.pointer, dw: dw
    )
  }

  func weightGradient() -> [Float] {
    let (shape, window) = (sample.shape, sample.window)
    let (codes, levels) = (AlignedBuffer(sample.codes), AlignedBuffer(sample.levels))
    let size = shape.filters * window.taps * shape.channels
    let dw = AlignedBuffer<Float>(count: shape.groups * size + 1)
    dw.pointer.update(repeating: .nan, count: dw.count)
    for group in parts.indices {
      var call = weightCall(
        group, codes: codes.pointer, levels: levels.pointer, dw: dw.pointer + group * size)
      let columns = window.taps * ((shape.channels + 15) / 16)
      let tiles = (shape.filters + Int(SK_GRADIENT_ROWS) - 1) / Int(SK_GRADIENT_ROWS)
      for columns in ranges(columns) {
        for tiles in ranges(tiles) {
          table.product(precision).weight_gradient(
            &call, columns.lowerBound, columns.upperBound, tiles.lowerBound, tiles.upperBound,
            scratch.pointer)
        }
      }
    }
    withExtendedLifetime((codes, levels, parts, scratch)) {}
    precondition(dw.pointer[dw.count - 1].isNaN, "written behind the end")
    return dw.array.dropLast()
  }

  /// Whether this precision's input gradients may be looked up.
  var looksUpInputs: Bool { table.product(precision).input_panel != nil }

  /// In floats, or rounded to bfloat16 and widened again.
  func inputGradient(into kind: sk_precision = .float32) -> [Float] {
    let (shape, window, layout) = (sample.shape, sample.window, sample.layout)
    let (signs, mask) = (AlignedBuffer(sample.signs), AlignedBuffer(sample.mask))
    let zeros = AlignedBuffer<UInt8>(count: (shape.filters + 4) * 4)
    let channels = shape.channels * shape.groups
    let bytes = kind == .float32 ? 4 : 2
    let dx = AlignedBuffer<Float>(count: sample.pixels * channels + 1)
    dx.pointer.update(repeating: .nan, count: dx.count)
    for (group, part) in parts.enumerated() {
      let rows = part.rowsForKernel
      var call = sk_input_gradient(
        window: window.cValue, dy: rows.pointer, row_bytes: rows.bytes, zeros: zeros.pointer,
        scales: part.rowScales.pointer, sums: part.rowSums.pointer,
        weights: signs.pointer + group * shape.filters * window.taps * layout.groupWords,
        words: UInt32(layout.groupWords), panel: nil, channels: UInt32(shape.channels),
        filters: UInt32(shape.filters),
        mask: mask.pointer + group * layout.groupWords, mask_words: UInt32(layout.words),
        kind: kind, dx: UnsafeMutableRawPointer(dx.pointer) + group * shape.channels * bytes,
        pixel_stride: UInt32(channels))
      let panel = AlignedBuffer<UInt8>(
        count: table.product(precision).input_panel_bytes?(&call) ?? 0)
      if panel.count > 0 {
        panel.pointer.update(repeating: 0xFF, count: panel.count)
        for taps in ranges(window.taps) {
          table.product(precision).input_panel?(&call, taps.lowerBound, taps.upperBound, panel.pointer)
        }
        call.panel = UnsafeRawPointer(panel.pointer)
      }
      for range in ranges(sample.pixels) {
        table.product(precision).input_gradient(&call, range.lowerBound, range.upperBound, scratch.pointer)
      }
    }
    withExtendedLifetime((signs, mask, zeros, parts, scratch)) {}
    precondition(dx.pointer[dx.count - 1].isNaN, "written behind the end")
    guard kind == .bfloat16 else { return dx.array.dropLast() }
    let shorts = UnsafeRawPointer(dx.pointer).assumingMemoryBound(to: UInt16.self)
    return (0..<dx.count - 1).map { widened(shorts[$0]) }
  }

  /// A code's value as the product's operand; bytes count in steps of the quantum.
  private func level(_ code: Int) -> Double {
    let value = sample.levels[code]
    switch precision {
    case .float32: return Double(value)
    case .bfloat16: return Double(widened(bfloat16(value)))
    case .int8: return Double((value / sample.quantum).rounded(.toNearestOrAwayFromZero))
    }
  }

  /// `Σ_rows dY·level` as the operands are, and what the kernel adds up in magnitude; in steps for bytes.
  private func weightSums() -> [(sum: Double, magnitude: Double)] {
    let (shape, taps) = (sample.shape, sample.window.taps)
    let (reads, levels) = (sample.reads, sample.levels.indices.map(level))
    // The offset is added to each level, also where the window leaves the image.
    let offset = precision == .int8 ? Double(sample.offset) : 0
    var sums: [(sum: Double, magnitude: Double)] = []
    for (group, part) in parts.enumerated() {
      let values = (0..<shape.filters).map { f in (0..<sample.rows).map { part.byFilter(row: $0, filter: f) }
      }
      var wanted = [(sum: Double, magnitude: Double)](
        repeating: (0, 0), count: shape.filters * taps * shape.channels)
      for tap in 0..<taps {
        for c in 0..<shape.channels {
          let operands = (0..<sample.rows).map { row -> Double in
            let pixel = reads[row * taps + tap]
            return pixel < 0 ? 0 : levels[sample.code(pixel: pixel, channel: c, group: group)]
          }
          for f in 0..<shape.filters {
            var (sum, magnitude) = (0.0, 0.0)
            for row in 0..<sample.rows {
              sum += values[f][row] * operands[row]
              magnitude += abs(values[f][row]) * (abs(operands[row]) + offset)
            }
            wanted[(f * taps + tap) * shape.channels + c] = (sum, magnitude)
          }
        }
      }
      sums += wanted
    }
    return sums
  }

  private func scale(_ index: Int) -> Float {
    guard precision == .int8 else { return 1 }
    let filter = index / (sample.window.taps * sample.shape.channels)
    let (group, own) = filter.quotientAndRemainder(dividingBy: sample.shape.filters)
    return parts[group].columnScales.pointer[own] * sample.quantum
  }

  func expectedWeightGradient() -> [(sum: Double, magnitude: Double)] {
    weightSums().enumerated().map { index, value in
      let scale = Double(scale(index))
      return (value.sum * scale, value.magnitude * scale)
    }
  }

  /// Integers below 2²⁴ as floats, times their scale: one rounding.
  func exactWeightGradient() -> [Float] {
    weightSums().enumerated().map { Float($1.sum) * scale($0) }
  }

  /// Fused multiply-adds of floats in the documented order: row by row, of a pair of bfloat16 the second row first.
  func orderedWeightGradient() -> [Float] {
    let (shape, taps) = (sample.shape, sample.window.taps)
    let (reads, levels) = (sample.reads, sample.levels.indices.map { Float(level($0)) })
    let order = (0..<sample.rows + 1).map { precision == .bfloat16 ? $0 ^ 1 : $0 }
    var result: [Float] = []
    for (group, part) in parts.enumerated() {
      for f in 0..<shape.filters {
        for place in 0..<taps * shape.channels {
          let (tap, c) = place.quotientAndRemainder(dividingBy: shape.channels)
          var sum: Float = 0
          for row in order where row < sample.rows && reads[row * taps + tap] >= 0 {
            let code = sample.code(pixel: reads[row * taps + tap], channel: c, group: group)
            sum.addProduct(levels[code], Float(part.byFilter(row: row, filter: f)))
          }
          result.append(sum)
        }
      }
    }
    return result
  }

  func expectedInputGradient() -> [(sum: Double, magnitude: Double)] {
    let (shape, taps) = (sample.shape, sample.window.taps)
    let (reads, channels) = (sample.reads, sample.shape.channels * sample.shape.groups)
    var sums = [(sum: Double, magnitude: Double)](repeating: (0, 0), count: sample.pixels * channels)
    for (group, part) in parts.enumerated() {
      for row in 0..<sample.rows {
        let scale = precision == .int8 ? Double(part.rowScales.pointer[row]) : 1
        let values = (0..<shape.filters).map { part.byRow(row: row, filter: $0) * scale }
        let magnitude = values.reduce(0) { $0 + abs($1) }
        for tap in 0..<taps where reads[row * taps + tap] >= 0 {
          let pixel = reads[row * taps + tap]
          for c in 0..<shape.channels where sample.passes(pixel: pixel, channel: c, group: group) {
            var sum = 0.0
            for f in values.indices {
              sum += sample.sign(filter: f, tap: tap, channel: c, group: group) > 0 ? values[f] : -values[f]
            }
            let at = pixel * channels + group * shape.channels + c
            sums[at] = (sums[at].sum + sum, sums[at].magnitude + magnitude)
          }
        }
      }
    }
    return sums
  }
}

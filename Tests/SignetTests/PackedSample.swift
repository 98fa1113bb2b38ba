// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The gradient of one group's filters, packed by the kernels under test.
struct PackedSample {
  let rows: Int
  let filters: Int
  let precision: sk_precision
  /// The unpacked gradient at its first row, and behind its end what no result may depend on.
  let natural: AlignedBuffer<UInt8>
  let words: AlignedBuffer<UInt32>
  let bytes: AlignedBuffer<Int8>
  let rowScales: AlignedBuffer<Float>
  let rowSums: AlignedBuffer<Int32>
  let maxima: AlignedBuffer<Float>
  let columnScales: AlignedBuffer<Float>
  let columnSums: AlignedBuffer<Int32>

  /// Whether words are packed as tiles.
  let hasTiles: Bool
  private let elementBytes: Int
  private let stride: Int
  private let first: Int

  /// Rows at which the passes over the gradient are cut are multiples of 4; `behind` follows the last row.
  init(
    _ dy: [Float], stride: Int, first: Int, filters: Int, kind: sk_precision, precision: sk_precision,
    key: UInt64 = 1, cuts: [Int] = [], behind: UInt8 = 0, on table: GradientTable
  ) {
    rows = dy.count / stride
    self.filters = filters
    self.precision = precision
    (self.stride, self.first) = (stride, first)
    elementBytes = kind == .float32 ? 4 : 2
    natural = AlignedBuffer(count: dy.count * elementBytes + 64)
    natural.pointer.update(repeating: behind, count: natural.count)
    let raw = UnsafeMutableRawPointer(natural.pointer)
    for (at, value) in dy.enumerated() {
      if kind == .float32 {
        raw.storeBytes(of: value, toByteOffset: at * 4, as: Float.self)
      } else {
        raw.storeBytes(of: bfloat16(value), toByteOffset: at * 2, as: UInt16.self)
      }
    }
    hasTiles = table.kernels.has_tiles && precision != .float32
    words = AlignedBuffer(count: sk_packed_gradient_bytes(rows, filters, precision) / 4)
    words.pointer.update(repeating: 0x7FC1_FFC1, count: words.count)
    // 4 bytes behind the last row may be read.
    bytes = AlignedBuffer(count: rows * filters + 4)
    (rowScales, rowSums) = (AlignedBuffer(count: rows), AlignedBuffer(count: rows))
    maxima = AlignedBuffer(count: filters)
    (columnScales, columnSums) = (AlignedBuffer(count: filters), AlignedBuffer(count: filters))
    let inverses = AlignedBuffer<Float>(count: filters)
    var call = sk_gradient_pack(
      kind: kind, precision: precision, dy: raw + first * elementBytes, stride: stride, rows: rows,
      filters: filters, key: key, column_inverses: inverses.pointer, words: words.pointer,
      bytes: bytes.pointer, row_scales: rowScales.pointer, row_sums: rowSums.pointer)
    let bounds = [0] + cuts + [rows]
    if precision == .int8 {
      let part = AlignedBuffer<Float>(count: filters)
      for (begin, end) in zip(bounds, bounds.dropFirst()) {
        table.kernels.maxima(&call, begin, end, part.pointer)
        for f in 0..<filters {
          let bits = max(maxima.pointer[f].bitPattern, part.pointer[f].bitPattern)
          maxima.pointer[f] = Float(bitPattern: bits)
        }
      }
      for f in 0..<filters {
        let most = maxima.pointer[f]
        guard !(most < SK_GRADIENT_SMALLEST) else { continue }
        columnScales.pointer[f] = most / SK_GRADIENT_LIMIT
        if most.isFinite { inverses.pointer[f] = SK_GRADIENT_LIMIT / most }
      }
    }
    let sums = AlignedBuffer<Int32>(count: filters)
    for (begin, end) in zip(bounds, bounds.dropFirst()) {
      table.kernels.pack(&call, begin, end, sums.pointer)
      if precision == .int8 { for f in 0..<filters { columnSums.pointer[f] += sums.pointer[f] } }
    }
    withExtendedLifetime((natural, inverses, sums)) {}
  }

  private static func rowsInWord(_ precision: sk_precision) -> Int {
    switch precision {
    case .float32: 1
    case .bfloat16: 2
    case .int8: 4
    }
  }

  /// Words of a filter: rows are rounded up to 4.
  static func steps(_ rows: Int, _ precision: sk_precision) -> Int {
    (rows + 3) / 4 * 4 / rowsInWord(precision)
  }

  /// Filters with those that fill the last block.
  var allFilters: Int {
    (filters + Int(SK_GRADIENT_FILTERS) - 1) / Int(SK_GRADIENT_FILTERS) * Int(SK_GRADIENT_FILTERS)
  }

  /// Where the word of a step lies for a filter.
  private func place(step: Int, filter: Int) -> Int {
    if hasTiles {
      let (block, most) = (step / 16, Int(SK_TILE_BLOCKS))
      let first = block / most * most
      let inChunk = min(most, (Self.steps(rows, precision) + 15) / 16 - first)
      let tile = first * allFilters / 16 + filter / 16 * inChunk + block - first
      return (tile * 16 + filter % 16) * 16 + step % 16
    }
    let width = Int(SK_GRADIENT_FILTERS)
    return (filter / width * Self.steps(rows, precision) + step) * width + filter % width
  }

  /// The word that holds a row of a filter.
  func word(row: Int, filter: Int) -> UInt32 {
    words.pointer[place(step: row / Self.rowsInWord(precision), filter: filter)]
  }

  /// All words, `[block of filters][step][filter]`, however they are packed.
  var plainWords: [UInt32] {
    let (width, steps) = (Int(SK_GRADIENT_FILTERS), Self.steps(rows, precision))
    return (0..<allFilters * steps).map { at in
      words.pointer[place(step: at / width % steps, filter: at / (width * steps) * width + at % width)]
    }
  }

  /// Whether what fills a last tile's rows is 0; without tiles there is nothing.
  var isPaddedWithZeros: Bool {
    guard hasTiles else { return true }
    let steps = Self.steps(rows, precision)
    return (0..<allFilters).allSatisfy { filter in
      (steps..<(steps + 15) / 16 * 16).allSatisfy { words.pointer[place(step: $0, filter: filter)] == 0 }
    }
  }

  /// A value in the form that the weights' gradient reads: the number itself, or the byte.
  func byFilter(row: Int, filter: Int) -> Double {
    let word = word(row: row, filter: filter)
    switch precision {
    case .float32: return Double(Float(bitPattern: word))
    case .bfloat16: return Double(widened(UInt16(truncatingIfNeeded: word >> UInt32(row % 2 * 16))))
    case .int8: return Double(Int8(truncatingIfNeeded: word >> UInt32(row % 4 * 8)))
    }
  }

  /// A value in the form that the input's gradient reads: the number itself, or the byte.
  func byRow(row: Int, filter: Int) -> Double {
    if precision == .int8 { return Double(bytes.pointer[row * filters + filter]) }
    let raw = UnsafeRawPointer(natural.pointer) + (row * stride + first + filter) * elementBytes
    return Double(
      elementBytes == 4 ? raw.load(as: Float.self) : widened(raw.load(as: UInt16.self)))
  }

  /// Where the input's gradient finds the rows, and the bytes between them.
  var rowsForKernel: (pointer: UnsafeRawPointer, bytes: Int) {
    precision == .int8
      ? (UnsafeRawPointer(bytes.pointer), filters)
      : (UnsafeRawPointer(natural.pointer) + first * elementBytes, stride * elementBytes)
  }

  /// The kernel's sums of each filter over some rows.
  func sums(_ range: Range<Int>, on table: GradientTable) -> [Float] {
    let sums = AlignedBuffer<Float>(count: filters)
    var call = sk_gradient_pack(
      kind: elementBytes == 4 ? .float32 : .bfloat16, precision: precision,
      dy: UnsafeRawPointer(natural.pointer) + first * elementBytes, stride: stride, rows: rows,
      filters: filters, key: 0, column_inverses: nil, words: words.pointer, bytes: nil, row_scales: nil,
      row_sums: nil)
    table.kernels.sums(&call, range.lowerBound, range.upperBound, sums.pointer)
    withExtendedLifetime((natural, words)) {}
    return sums.array
  }
}

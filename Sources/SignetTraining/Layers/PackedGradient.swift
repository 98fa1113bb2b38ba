// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The gradient of one group's filters in the forms that the products of a binary layer read.
struct PackedGradient {
  /// `dY` for the input's gradient, `[rows]` with ``rowBytes`` between them.
  let rows: UnsafeRawPointer
  let rowBytes: Int
  /// `dY` for the weights' gradient: the rows of a word side by side.
  private(set) var packed: Memory?
  /// Nil unless the gradient is in 8 bits.
  let bytes: Bytes?
  private let natural: Tensor

  /// An 8-bit gradient: `dY ≈ scale · value`, with a scale for each row in one form, for each filter in the other.
  ///
  /// The scales of a row and filter with an infinity or NaN are not finite, so that no product with them is.
  struct Bytes {
    let values: Memory
    let rowScales: Memory
    let rowSums: Memory
    let scales: PooledArray<Float>
    let sums: PooledArray<Int32>
  }

  /// Packs in the context's precision.
  ///
  /// `key` is what random rounding derives from; maxima, if somebody took them, are of all filters.
  init(
    _ dy: Tensor, firstFilter: Int, filters: Int, key: UInt64, maxima: GradientMaxima?,
    on context: ComputeContext
  ) {
    let precision = context.precision
    let (rows, start) = (dy.rows, dy.raw + firstFilter * dy.element.bytes)
    natural = dy
    let packed = context.memory.take(bytes: sk_packed_gradient_bytes(rows, filters, precision.kernel))
    self.packed = packed
    var call = sk_gradient_pack(
      kind: dy.element.kernel, precision: precision.kernel, dy: start,
      stride: dy.channels, rows: rows, filters: filters, key: key, column_inverses: nil, words: packed.words,
      bytes: nil, row_scales: nil, row_sums: nil)
    guard precision == .int8 else {
      self.rows = UnsafeRawPointer(start)
      rowBytes = dy.channels * dy.element.bytes
      bytes = nil
      withUnsafePointer(to: call) { call in
        context.chunks(of: rows) { _, range in
          context.gradients.pointee.pack(call, range.lowerBound, range.upperBound, nil)
        }
      }
      return
    }
    let values = context.memory.take(bytes: rows * filters)
    let sums = context.memory.take(bytes: rows * 4)
    let chunks = (rows + ComputeContext.chunkRows - 1) / ComputeContext.chunkRows
    let own = maxima ?? GradientMaxima(rows: rows, filters: filters, on: context)
    if maxima == nil {
      context.chunks(of: rows) { _, range in
        own.take(dy, firstFilter: firstFilter, rows: range, on: context)
      }
    }
    let (scales, partial) = (own.rowScales, own.filters)
    let chunkSums = context.memory.take(bytes: chunks * filters * 4)
    defer {
      partial.keep()
      chunkSums.keep()
    }
    call.bytes = UnsafeMutableRawPointer(values.raw).assumingMemoryBound(to: Int8.self)
    call.row_scales = scales.floats
    call.row_sums = UnsafeMutableRawPointer(sums.raw).assumingMemoryBound(to: Int32.self)
    let both = context.array(2 * filters, of: Float.self)
    both.fill(0)
    let (inverses, columnScales) = (both.slice(0, of: filters), both.slice(1, of: filters))
    for filter in 0..<filters {
      // As integers, so that an infinity or NaN is the greatest: the scale of its filter has to tell of it.
      var bits: UInt32 = 0
      for chunk in 0..<chunks { bits = max(bits, partial.words[chunk * filters + filter]) }
      let most = Float(bitPattern: bits)
      guard !(most < SK_GRADIENT_SMALLEST) else { continue }
      columnScales[filter] = most / SK_GRADIENT_LIMIT
      if most.isFinite { inverses[filter] = SK_GRADIENT_LIMIT / most }
    }
    let counts = UnsafeMutableRawPointer(chunkSums.raw).assumingMemoryBound(to: Int32.self)
    call.column_inverses = UnsafePointer(inverses.pointer)
    withUnsafePointer(to: call) { call in
      context.chunks(of: rows) { chunk, range in
        context.gradients.pointee.pack(call, range.lowerBound, range.upperBound, counts + chunk * filters)
      }
    }
    withExtendedLifetime(inverses) {}
    let columnSums = context.array(filters, of: Int32.self)
    columnSums.fill(0)
    for chunk in 0..<chunks {
      for filter in 0..<filters { columnSums[filter] &+= counts[chunk * filters + filter] }
    }
    self.rows = UnsafeRawPointer(values.raw)
    rowBytes = filters
    bytes = Bytes(values: values, rowScales: scales, rowSums: sums, scales: columnScales, sums: columnSums)
  }

  /// Gives the memory of the rows side by side back.
  mutating func releasePacked() { packed = nil }
}

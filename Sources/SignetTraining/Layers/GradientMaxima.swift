// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The greatest magnitudes of a gradient's rows and filters, from which the scales of its bytes follow.
///
/// Whoever writes the gradient takes them chunk by chunk, while its values are in the cache; else ``PackedGradient`` does.
package struct GradientMaxima: Sendable {
  /// What 1 stands for in each row.
  let rowScales: Memory
  /// The greatest magnitude of each filter in each chunk of rows, `[chunk][filter]`.
  let filters: Memory
  private let width: Int

  init(rows: Int, filters count: Int, on context: ComputeContext) {
    rowScales = context.memory.take(bytes: rows * 4)
    let chunks = (rows + ComputeContext.chunkRows - 1) / ComputeContext.chunkRows
    filters = context.memory.take(bytes: chunks * count * 4)
    width = count
  }

  /// Nil unless the gradient is to become bytes.
  init?(_ dy: Tensor, wanted: Bool, on context: ComputeContext) {
    guard wanted, context.precision == .int8 else { return nil }
    self.init(rows: dy.rows, filters: dy.channels, on: context)
  }

  /// Takes those of one chunk.
  func take(_ dy: Tensor, firstFilter: Int = 0, rows range: Range<Int>, on context: ComputeContext) {
    let chunk = range.lowerBound / ComputeContext.chunkRows
    var call = sk_gradient_pack(
      kind: dy.element.kernel, precision: context.precision.kernel,
      dy: dy.raw + firstFilter * dy.element.bytes, stride: dy.channels, rows: dy.rows, filters: width, key: 0,
      column_inverses: nil, words: nil, bytes: nil, row_scales: rowScales.floats, row_sums: nil)
    context.gradients.pointee.maxima(
      &call, range.lowerBound, range.upperBound, filters.floats + chunk * width)
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The gradient of a first layer's real weights and bias: `dW = dYᵀ P(x)`, `db = Σ dY`.
///
/// Patches of the input are gathered chunk by chunk and never kept. In a training step with rounded gradients both operands are
/// bfloat16, sums are in fp32.
struct RealWeightGradient {
  let window: Window
  let filters: Int
  let groups: Int
  let input: FeatureShape

  /// Overwrites `[filters, taps, C/groups]` and `[filters]`.
  func run(
    _ dy: Tensor, x: Tensor, weights: UnsafeMutablePointer<Float>, bias: UnsafeMutablePointer<Float>,
    on context: ComputeContext
  ) {
    let precision: Precision = dy.element == .float32 ? .float32 : .bfloat16
    let kernels = context.gradients.pointee
    let (own, channels) = (filters / groups, input.channels / groups)
    let depth = window.taps * channels
    let steps = (dy.rows + 3) / 4 * 4 / precision.rowsInWord
    let blocks = (own + Int(SK_GRADIENT_FILTERS) - 1) / Int(SK_GRADIENT_FILTERS)
    let packed = context.memory.take(bytes: blocks * steps * Int(SK_GRADIENT_FILTERS) * 4)
    let scratch = (0..<context.crew.pool.threads).map { _ in
      context.memory.take(bytes: sk_gradient_scratch_bytes(own))
    }
    let tasks = WeightGradientTasks(
      columns: (depth + 15) / 16, filters: own, threads: context.crew.pool.threads, fewest: 6)
    // Reals have no levels.
    let levels = context.memory.take(bytes: 8)
    levels.floats.update(repeating: 0, count: 2)
    for group in 0..<groups {
      let pack = sk_gradient_pack(
        kind: precision.kernel, precision: precision.kernel, dy: dy.raw + group * own * dy.element.bytes,
        stride: dy.channels, rows: dy.rows, filters: own, key: 0, column_inverses: nil, words: packed.words,
        bytes: nil, row_scales: nil, row_sums: nil)
      let sums = withUnsafePointer(to: pack) { pack in
        context.channelSums(rows: dy.rows, channels: own, kinds: 1) { range, out, _ in
          kernels.pack(pack, range.lowerBound, range.upperBound, nil)
          kernels.sums(pack, range.lowerBound, range.upperBound, out)
        }
      }
      for filter in 0..<own { bias[group * own + filter] = Float(sums[filter]) }
      let call = sk_weight_gradient(
        window: window.cValue, reals: x.pointer + group * channels, bits: nil,
        pixel_words: UInt32(input.channels), plane_words: 0, planes: 0, channels: UInt32(channels),
        levels: levels.floats, quantum: 1, offset: 0, dy: packed.words, rows: dy.rows, filters: UInt32(own),
        scales: nil, sums: nil, dw: weights + group * own * depth)
      let kernel = kernels.product(precision).weight_gradient
      withUnsafePointer(to: call) { call in
        tasks.run(on: context) { columns, tiles, worker in
          kernel(
            call, columns.lowerBound, columns.upperBound, tiles.lowerBound, tiles.upperBound,
            scratch[worker].raw)
        }
      }
    }
    withExtendedLifetime((x, dy, packed, levels, scratch)) {}
  }
}

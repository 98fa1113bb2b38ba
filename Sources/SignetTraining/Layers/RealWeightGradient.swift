// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The gradient of real weights and a bias: `dW = dYᵀ P(x)`, `db = Σ dY`.
///
/// Patches of the padded input are gathered chunk by chunk and never kept. The images are in the precision of the products;
/// sums are in fp32.
struct RealWeightGradient {
  let window: Window
  let filters: Int
  let groups: Int
  let input: FeatureShape

  /// The images of `x` in the precision of its layer's gradient, one for each group.
  func images(_ x: Tensor, for dy: Tensor, on context: ComputeContext) -> [PaddedImages] {
    RealProducts(window: window, filters: filters, groups: groups, input: input)
      .images(x, dy.element == .float32 ? .float32 : .bfloat16, on: context)
  }

  /// Overwrites `[filters, taps, C/groups]` and `[filters]`; `images` holds one for each group.
  func run(
    _ dy: Tensor, images: [PaddedImages], weights: UnsafeMutablePointer<Float>,
    bias: UnsafeMutablePointer<Float>,
    on context: ComputeContext
  ) {
    let precision = images.first?.precision ?? .float32
    let kernels = context.gradients.pointee
    let (own, channels) = (filters / groups, input.channels / groups)
    let depth = window.taps * channels
    let packed = context.memory.take(bytes: sk_packed_gradient_bytes(dy.rows, own, precision.kernel))
    let scratchBytes = context.scratchBytes(filters: own, channels: channels, taps: window.taps)
    let scratch = context.memory.take(bytes: scratchBytes * context.crew.pool.threads)
    let tasks = WeightGradientTasks(
      columns: (depth + 15) / 16, filters: own, threads: context.crew.pool.threads, width: 12)
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
      let source = images[group].forKernels
      withUnsafePointer(to: source) { source in
        let call = sk_weight_gradient(
          window: window.cValue, images: source, bits: nil,
          pixel_words: 0, plane_words: 0, planes: 0, channels: UInt32(channels),
          levels: nil, quantum: 1, offset: 0, dy: packed.words, rows: dy.rows, filters: UInt32(own),
          scales: nil, sums: nil, dw: weights + group * own * depth)
        let kernel = kernels.product(precision).weight_gradient
        withUnsafePointer(to: call) { call in
          tasks.run(on: context) { columns, tiles, worker in
            kernel(
              call, columns.lowerBound, columns.upperBound, tiles.lowerBound, tiles.upperBound,
              scratch.raw + worker * scratchBytes)
          }
        }
      }
    }
    withExtendedLifetime((images, dy, packed, scratch)) {}
  }
}

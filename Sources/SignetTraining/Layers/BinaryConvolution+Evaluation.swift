// SPDX-License-Identifier: Apache-2.0

import CBLAS
import CSignetKernels
import Signet

/// The forward product of evaluation, in floats: what the packed kernels are compared with.
extension BinaryConvolution {
  /// `sign(W)` as ±1, `[filters, taps, C/groups]`.
  private func signs(on context: ComputeContext) -> Memory {
    let signs = context.memory.take(bytes: weight.count * 4)
    let (source, target) = (weight.value.pointer, signs.floats)
    context.crew.pool.runRanges(weight.count, grain: 16384) { range, _ in
      for index in range { target[index] = source[index] >= 0 ? 1 : -1 }
    }
    return signs
  }

  private func patches(_ saved: Saved, decoded: Memory?, betas: UnsafePointer<Float>) -> sk_patches {
    let planes = saved.levels.weights.count
    if let decoded {
      return sk_patches(
        window: window.cValue, reals: decoded.floats, bits: nil, pixel_stride: UInt32(input.channels),
        plane_words: 0, planes: 0, channels: UInt32(input.channels / groups), betas: nil)
    }
    return sk_patches(
      window: window.cValue, reals: nil, bits: saved.codes.words, pixel_stride: UInt32(layout.words * planes),
      plane_words: UInt32(layout.words), planes: UInt32(planes), channels: UInt32(input.channels / groups),
      betas: betas)
  }

  /// `y = P(ẑ) sign(W)ᵀ` in floats; exact, since both are small integers times a power of two.
  func multiply(_ saved: Saved, to y: Tensor, on context: ComputeContext) {
    let kernels = context.crew.kernels
    let signs = signs(on: context)
    defer { signs.keep() }
    let (filters, depth) = (output.channels / groups, window.taps * input.channels / groups)
    // A tap outside the image counts 0, which no bit of a unipolar plane does not: its values are spelled out.
    let decoded = saved.levels.isUnipolar ? decoded(saved, on: context) : nil
    defer { decoded?.keep() }
    saved.levels.betas.withUnsafeBufferPointer { betas in
      guard let betas = betas.baseAddress else { return }
      for group in 0..<groups {
        var source = patches(saved, decoded: decoded, betas: betas)
        source.bits = source.bits.map { $0 + group * layout.groupWords }
        source.reals = source.reals.map { $0 + group * (input.channels / groups) }
        withUnsafePointer(to: &source) { source in
          context.chunks(of: y.rows) { _, range in
            let memory = context.memory.take(bytes: range.count * depth * 4)
            defer { memory.keep() }
            let workspace = memory.floats
            kernels.patches(source, range.lowerBound, range.upperBound, workspace)
            cblas_sgemm(
              CblasRowMajor, CblasNoTrans, CblasTrans, blasint(range.count), blasint(filters), blasint(depth),
              1, workspace,
              blasint(depth), signs.floats + group * filters * depth, blasint(depth), 0,
              y.pointer + range.lowerBound * output.channels + group * filters, blasint(output.channels))
          }
        }
      }
    }
  }

  /// What unipolar codes stand for, counted in units of accumulators: `Σ n_m (H_m + 1)·2^−e`, `[pixel][channel]`.
  private func decoded(_ saved: Saved, on context: ComputeContext) -> Memory {
    let (levels, layout) = (saved.levels, layout)
    let planes = levels.weights.count
    let (rows, channels) = (saved.x.rows, input.channels)
    let values = context.memory.take(bytes: rows * channels * 4)
    let (target, codes) = (values.floats, saved.codes.words)
    let steps = levels.betas.map { 2 * $0 }
    context.crew.pool.runRanges(rows, grain: 64) { range, _ in
      for row in range {
        for channel in 0..<channels {
          let (word, bit) = layout.position(of: channel)
          var sum: Float = 0
          for plane in 0..<planes
          where codes[(row * planes + plane) * layout.words + word] >> UInt32(bit) & 1 == 1 {
            sum += steps[plane]
          }
          target[row * channels + channel] = sum
        }
      }
    }
    return values
  }
}

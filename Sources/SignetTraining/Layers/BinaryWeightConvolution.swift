// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// A convolution of real activations with weights of one bit: BinaryConnect's and BWN's.
///
/// - Forward: `y = Ŵ ⊛ x`, `Ŵ` of ``WeightBinarizer``, in the engine's own kernel for reals, so that both give the same bits.
/// - Backward: `g = dYᵀ P(x)`, from which the weight binarizer has dW; `dx = dY Ŵ`, in fp32 whatever the precision.
/// - Shapes: weights `[filters, kh, kw, C/groups]`, `y` `[N, H', W', filters]`. BatchNorm follows, so there is no bias.
/// - Source: Courbariaux et al. 2015, arXiv:1511.00363; Rastegari et al. 2016, arXiv:1603.05279.
package struct BinaryWeightConvolution: Layer {
  package let name: String
  package let window: Window
  package let groups: Int
  package let input: FeatureShape
  package let output: FeatureShape
  package let weights: WeightBinarizer
  package var weight: Parameter

  package struct Saved: Sendable {
    let x: Tensor
    let magnitudes: [Float]?
    /// Ŵ as floats.
    let weights: Memory
  }

  package init(
    name: String, window: Window, filters: Int, groups: Int, inputChannels: Int, weights: WeightBinarizer,
    clip: Float?, using random: inout SplitMix64
  ) {
    self.name = name
    self.window = window
    self.groups = groups
    self.weights = weights
    input = FeatureShape(height: window.inHeight, width: window.inWidth, channels: inputChannels)
    output = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
    weight = Parameter(
      .latentBinary(clip: clip ?? .infinity), glorot: window, filters: filters, depth: inputChannels / groups,
      groups: groups, using: &random)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let x = context.plain(x)
    let magnitudes = weights.magnitudes(of: weight, on: context)
    let effective = binarized(magnitudes, on: context)
    let y = context.tensor(x.images, output)
    RealConvolution(
      window: window, filters: output.channels, groups: groups, inputChannels: input.channels,
      weights: effective.floats, bias: Array(repeating: 0, count: output.channels), slope: nil
    ).run(x.pointer, images: x.images, to: y.pointer, on: context.crew)
    withExtendedLifetime(x) {}
    return (y, Saved(x: x, magnitudes: magnitudes, weights: effective))
  }

  /// Ŵ, `[filters, taps, C/groups]`.
  private func binarized(_ magnitudes: [Float]?, on context: ComputeContext) -> Memory {
    let memory = context.memory.take(bytes: weight.count * 4)
    let (source, target, depth) = (weight.value.pointer, memory.floats, weight.count / output.channels)
    context.crew.pool.runRanges(output.channels, grain: 8) { range, _ in
      for filter in range {
        let magnitude = magnitudes.map { $0[$0.count == 1 ? 0 : filter] } ?? 1
        for index in filter * depth..<(filter + 1) * depth {
          target[index] = source[index] >= 0 ? magnitude : -magnitude
        }
      }
    }
    return memory
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let (dy, x) = (context.widened(gradient.tensor), saved.x)
    let dx = wantsInputGradient ? context.tensor(x.images, input) : nil
    ConvolutionGradient(
      window: window, filters: output.channels, groups: groups, inputChannels: input.channels,
      patches: sk_patches(
        window: window.cValue, reals: x.pointer, bits: nil, pixel_stride: UInt32(input.channels),
        plane_words: 0, planes: 0, channels: UInt32(input.channels / groups), betas: nil),
      patchGroupStride: input.channels / groups, weights: saved.weights.floats,
      weightGradient: weight.gradient.pointer,
      inputGradient: dx.map { .init(pointer: $0.pointer) }
    ).run(dy, on: context)
    withExtendedLifetime((saved, dy)) {}
    weights.passBack(weight, magnitudes: saved.magnitudes, divisors: nil, on: context)
    return dx.map { gradient.passed($0) }
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try body("weight", &weight)
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.binaryWeightConvolution(
      name, window: window, groups: groups, weight: weight, magnitudes: weights.magnitudes(of: weight))
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// A convolution of real activations with weights of one bit: BinaryConnect's and BWN's.
///
/// - Forward: `y = Ŵ ⊛ x`, `Ŵ` of ``WeightBinarizer``, in evaluation in the engine's own kernel for reals, so that both give
///   the same bits.
/// - Backward: `g = dYᵀ P(x)`, from which the weight binarizer has dW; `dx = dY Ŵ`.
/// - In a training step that rounds, all three products have operands in bfloat16, as in ``Convolution``; with a stride, both of
///   backward are in fp32.
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
  /// Where a bias would be.
  private let zeros: AlignedBuffer<Float>
  /// Room for the product in floats, made by the first one; copies of a layer take turns in it.
  private var real: RealConvolution?

  package struct Saved: Sendable {
    /// Nil where the images are what backward needs.
    let x: Tensor?
    /// The input as rounded products read it, one for each group.
    let images: [PaddedImages]
    /// What the gradient of the input may be rounded to.
    let element: Tensor.Element
    let magnitudes: PooledArray<Float>?
    /// Ŵ as floats.
    let weights: Memory
  }

  private var products: RealProducts {
    RealProducts(window: window, filters: output.channels, groups: groups, input: input)
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
    zeros = AlignedBuffer(count: filters)
    weight = Parameter(
      .latentBinary(clip: clip ?? .infinity), glorot: window, filters: filters, depth: inputChannels / groups,
      groups: groups, using: &random)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let element = x.gradientElement
    let x = context.plain(x)
    let magnitudes = weights.magnitudes(of: weight, on: context)
    let effective = binarized(magnitudes, on: context)
    var y = context.tensor(x.images, output)
    if phase == .training, RealProducts.areRounded(on: context) {
      y.gradientElement = context.precision.element
      let images = products.images(x, .bfloat16, on: context)
      context.timed(.product, of: name) {
        products.forward(images, weights: effective.floats, bias: zeros.pointer, to: y, on: context)
      }
      return (
        y,
        Saved(
          x: products.hasInputGradient ? nil : x, images: images, element: element, magnitudes: magnitudes,
          weights: effective)
      )
    }
    context.timed(.product, of: name) {
      let real =
        real
        ?? RealConvolution(
          window: window, filters: output.channels, groups: groups, inputChannels: input.channels)
      self.real = real
      real.arrange(effective.floats)
      real.run(x.pointer, images: x.images, to: y.pointer, on: context.crew)
    }
    withExtendedLifetime(x) {}
    return (y, Saved(x: x, images: [], element: element, magnitudes: magnitudes, weights: effective))
  }

  /// Ŵ, `[filters, taps, C/groups]`.
  private func binarized(_ magnitudes: PooledArray<Float>?, on context: ComputeContext) -> Memory {
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
    defer { weights.passBack(weight, magnitudes: saved.magnitudes, divisors: nil, on: context) }
    guard products.hasInputGradient || !wantsInputGradient else {
      guard let x = saved.x else { preconditionFailure("\(name): the input was not kept") }
      let dx = products.patchBackward(
        gradient, x: x, weights: saved.weights.floats, weightGradient: weight.gradient.pointer,
        biasGradient: nil, of: name, on: context)
      withExtendedLifetime(saved) {}
      return dx
    }
    let bias = context.memory.take(bytes: output.channels * 4)
    defer { bias.keep() }
    let dx = products.backward(
      gradient.tensor, x: saved.x, images: saved.images, weights: saved.weights.floats,
      weightGradient: weight.gradient.pointer, biasGradient: bias.floats,
      inputElement: wantsInputGradient ? saved.element : nil, of: name, on: context)
    withExtendedLifetime(saved) {}
    return dx.map { gradient.passed($0) }
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try body("weight", &weight)
  }

  package mutating func takeOwnRoom() { real = nil }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.binaryWeightConvolution(
      name, window: window, groups: groups, weight: weight, magnitudes: weights.magnitudes(of: weight))
  }
}

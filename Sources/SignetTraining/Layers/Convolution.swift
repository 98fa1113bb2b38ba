// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// A convolution with real weights and a bias: the first layer of a binary network, every layer of a full-precision one.
///
/// - Forward: `y = W ⊛ x + b`, in the engine's own kernel, so that both give the same bits.
/// - Shapes: weights `[filters, kh, kw, C/groups]`, `y` `[N, H', W', filters]`.
package struct Convolution: Layer {
  package let name: String
  package let window: Window
  package let groups: Int
  package let input: FeatureShape
  package let output: FeatureShape
  package var weight: Parameter
  package var bias: Parameter

  package init(
    name: String, window: Window, filters: Int, groups: Int, inputChannels: Int,
    using random: inout SplitMix64
  ) {
    self.name = name
    self.window = window
    self.groups = groups
    input = FeatureShape(height: window.inHeight, width: window.inWidth, channels: inputChannels)
    output = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
    weight = Parameter(
      .weight, glorot: window, filters: filters, depth: inputChannels / groups, groups: groups, using: &random
    )
    bias = Parameter(.other, count: filters, value: 0)
  }

  /// Room for the product in floats, made by the first one; copies of a layer take turns in it.
  private var real: RealConvolution?

  package struct Saved: Sendable {
    /// Nil where the images are what backward needs.
    let x: Tensor?
    /// The input as rounded products read it, one for each group.
    let images: [PaddedImages]
    /// What the gradient of the input may be rounded to.
    let element: Tensor.Element
  }

  private var products: RealProducts {
    RealProducts(window: window, filters: output.channels, groups: groups, input: input)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let element = x.gradientElement
    let x = context.plain(x)
    var y = context.tensor(x.images, output)
    if phase == .training && RealProducts.areRounded(on: context) {
      y.gradientElement = context.precision.element
      let images = products.images(x, .bfloat16, on: context)
      context.timed(.product, of: name) {
        products.forward(
          images, weights: weight.value.pointer, bias: bias.value.pointer, to: y, on: context)
      }
      return (y, Saved(x: products.hasInputGradient ? nil : x, images: images, element: element))
    }
    context.timed(.product, of: name) {
      let real =
        real
        ?? RealConvolution(
          window: window, filters: output.channels, groups: groups, inputChannels: input.channels)
      self.real = real
      real.arrange(weight.value.pointer, bias: bias.value.pointer)
      real.run(x.pointer, images: x.images, to: y.pointer, on: context.crew)
    }
    return (y, Saved(x: x, images: [], element: element))
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    guard products.hasInputGradient || !wantsInputGradient else {
      guard let x = saved.x else { preconditionFailure("\(name): the input was not kept") }
      return products.patchBackward(
        gradient, x: x, weights: weight.value.pointer, weightGradient: weight.gradient.pointer,
        biasGradient: bias.gradient.pointer, of: name, on: context)
    }
    let dx = products.backward(
      gradient.tensor, x: saved.x, images: saved.images, weights: weight.value.pointer,
      weightGradient: weight.gradient.pointer, biasGradient: bias.gradient.pointer,
      inputElement: wantsInputGradient ? saved.element : nil, of: name, on: context)
    return dx.map { gradient.passed($0) }
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try body("weight", &weight)
    try body("bias", &bias)
  }

  package mutating func takeOwnRoom() { real = nil }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.convolution(name, window: window, groups: groups, weight: weight, bias: bias.value.array)
  }
}

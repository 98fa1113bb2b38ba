// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// A first convolution of 8-bit pixels with 8-bit weights, trained with fake quantisation.
///
/// - Forward: `d` the grey levels above zero that the input stands for, `q` and `s` the rounded weights
///   (``PixelWeights``), `y = fma(Σ q·d, s, b)`. The sums are integers below 2²⁴: the engine's, whatever computes them.
/// - Backward: straight-through, as if `y = W ⊛ (a·d) + b` with `a` the value of a grey level: `dW = dYᵀ P(a·d)`, and
///   `dx = dY (s·q/a)`.
/// - Shapes: weights `[filters, kh, kw, C/groups]`, `y` `[N, H', W', filters]`.
/// - Source: Jacob et al. 2018, arXiv:1712.05877, section 3, with one scale a filter.
package struct QuantizedConvolution: Layer {
  package let name: String
  package let window: Window
  package let groups: Int
  package let input: FeatureShape
  package let output: FeatureShape
  package var weight: Parameter
  package var bias: Parameter
  /// What one grey level of each input channel is worth.
  package let units: [Float]
  /// The byte that stands for 0 in each channel.
  package let zero: [UInt8]
  /// The largest rounded weight.
  package let limit: Int

  /// Room for the product; copies of a layer take turns in it.
  private var real: RealConvolution

  package struct Saved: Sendable {
    /// Grey levels above zero, `[N, H, W, C]`.
    let levels: Tensor
    let weights: PixelWeights
  }

  /// Takes the place of a convolution with real weights, which it starts from.
  ///
  /// - Throws: ``TrainingError`` with code `badOption` if its sums can't stay exact, or `preprocessing` has no zero.
  package init(_ convolution: Convolution, preprocessing: Preprocessing) throws {
    name = convolution.name
    window = convolution.window
    groups = convolution.groups
    input = convolution.input
    output = convolution.output
    weight = convolution.weight
    bias = convolution.bias
    units = preprocessing.units
    guard let zero = preprocessing.zero, preprocessing.isConsistent, zero.count == input.channels else {
      throw TrainingError(
        .badOption, "layer “\(name)” has 8-bit weights, but the preprocessing has no zero for its input")
    }
    self.zero = zero
    let depth = window.taps * input.channels / groups
    guard let limit = PixelWeights.limit(depth: depth) else {
      throw TrainingError(
        .badOption,
        "layer “\(name)” sums \(depth) products, too many to stay exact with 8-bit weights; use --first-layer float32, or a smaller kernel"
      )
    }
    self.limit = limit
    real = RealConvolution(
      window: window, filters: output.channels, groups: groups, inputChannels: input.channels)
  }

  /// The weights as integers; throws ``NotFinite`` if one is no number.
  package func rounded() throws -> PixelWeights {
    guard
      let weights = PixelWeights(
        UnsafeBufferPointer(weight.value.elements), filters: output.channels, groups: groups, units: units,
        limit: limit)
    else { throw NotFinite() }
    return weights
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let (x, weights) = (context.plain(x), try rounded())
    let levels = grayLevels(x, on: context)
    var y = context.tensor(x.images, output)
    if phase == .training && RealProducts.areRounded(on: context) {
      y.gradientElement = context.precision.element
    }
    let filters = output.channels
    let (scale, shift) = (weights.scale, bias.value.pointer)
    context.timed(.product, of: name) {
      let reals = context.array(weights.values.count, of: Float.self)
      for index in reals.indices { reals[index] = Float(weights.values[index]) }
      real.arrange(reals.pointer)
      real.run(levels.pointer, images: x.images, to: y.pointer, on: context.crew)
      withExtendedLifetime(reals) {}
    }
    context.chunks(of: y.rows) { _, range in
      let rows = y.pointer + range.lowerBound * filters
      context.crew.kernels.affine(rows, scale, shift, rows, range.count, filters)
    }
    return (y, Saved(levels: levels, weights: weights))
  }

  private func grayLevels(_ x: Tensor, on context: ComputeContext) -> Tensor {
    let levels = context.tensor(x.images, input)
    let (source, target, channels) = (x.pointer, levels.pointer, input.channels)
    context.chunks(of: x.rows) { _, range in
      for at in range.lowerBound * channels..<range.upperBound * channels {
        let c = at % channels
        target[at] = Preprocessing.grayLevels(of: source[at], unit: units[c], zero: zero[c])
      }
    }
    return levels
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let (filters, x) = (output.channels, saved.levels)
    let (depth, own) = (weight.count / filters, input.channels / groups)
    /// The unit of the channel that a weight belongs to.
    func unit(_ index: Int) -> Float { units[index / depth / (filters / groups) * own + index % own] }
    // The patches were grey levels.
    defer { for index in 0..<weight.count { weight.gradient.pointer[index] *= unit(index) } }
    guard wantsInputGradient else {
      let product = RealWeightGradient(window: window, filters: filters, groups: groups, input: input)
      context.timed(.weightGradient, of: name) {
        product.run(
          gradient.tensor, images: product.images(x, for: gradient.tensor, on: context),
          weights: weight.gradient.pointer, bias: bias.gradient.pointer, on: context)
      }
      return nil
    }
    let effective = context.array(weight.count, of: Float.self)
    for index in effective.indices {
      effective[index] = Float(saved.weights.values[index]) * saved.weights.scale[index / depth] / unit(index)
    }
    defer { withExtendedLifetime(effective) {} }
    return RealProducts(window: window, filters: filters, groups: groups, input: input).patchBackward(
      gradient, x: x, weights: effective.pointer, weightGradient: weight.gradient.pointer,
      biasGradient: bias.gradient.pointer, of: name, on: context)
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try body("weight", &weight)
    try body("bias", &bias)
  }

  package mutating func takeOwnRoom() {
    real = RealConvolution(
      window: window, filters: output.channels, groups: groups, inputChannels: input.channels)
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    guard let weights = try? rounded(), bias.value.elements.allSatisfy(\.isFinite) else {
      throw TrainingError(
        .notFinite, "layer “\(name)” has weights that are not finite; use another checkpoint")
    }
    compiler.pixelConvolution(
      name, window: window, groups: groups, shape: weight.shape, weights: weights, bias: bias.value.array)
  }
}

extension Sequential {
  /// Makes the layers of a network as a method has them; see ``init(_:method:seed:)``.
  ///
  /// With 8-bit weights in the first layer they start from the same numbers as with real ones.
  /// - Throws: ``TrainingError`` if the first layer can't have 8-bit weights.
  package init(_ network: NetworkLayout, method: Method, seed: UInt64, preprocessing: Preprocessing) throws {
    self.init(network, method: method, seed: seed)
    guard method.firstLayer == .int8 else { return }
    guard let index = layers.firstIndex(where: { $0 is Convolution }),
      let convolution = layers[index] as? Convolution, index == 0
    else {
      throw TrainingError(
        .badOption,
        "--first-layer int8 needs a convolution or dense layer that reads the image, but the network begins with “\(layers.first?.name ?? "")”; use float32"
      )
    }
    layers[index] = try QuantizedConvolution(convolution, preprocessing: preprocessing)
  }
}

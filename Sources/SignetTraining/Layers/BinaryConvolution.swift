// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// BatchNorm, binarized activations and a convolution with binary weights: the core of a binary block.
///
/// - Forward: `z = BatchNorm(x)`, `ẑ` its binarization (``ResidualBinarizer``), `y = α·(sign(W) ⊛ ẑ)` with the magnitudes of
///   ``WeightBinarizer``, if it has any; zero padding contributes 0.
/// - Backward: `g = dYᵀ P(ẑ)`, from which the weight binarizer has dW; `dẑ = (α·dY) sign(W)`, `dz = dẑ` where |z| ≤ 1, or
///   0 ≤ z ≤ 1 for k-bit activations (``BinaryGradient``), and BatchNorm's gradient. With gradient bits dY is quantised first.
/// - In training the convolution runs on packed bits, in evaluation as a product of floats: the oracle of the engine.
/// - Source: Tang, Hua, Wang 2017, algorithm 1; for other values of ``Method`` see there.
package struct BinaryConvolution: Layer {
  package let name: String
  package let window: Window
  package let groups: Int
  package let input: FeatureShape
  package let output: FeatureShape
  package var norm: Normalization
  package var binarizer: ResidualBinarizer
  package var weight: Parameter
  package let weights: WeightBinarizer
  package let gradientBits: Int?
  /// Reads the input, and the signs of each tap's weights.
  private let encoders: (input: BitEncoder, signs: BitEncoder)
  /// Room for the forward pass in training, made by the first one; copies of a layer take turns in it.
  private var packed: PackedConvolution?

  package struct Saved: Sendable {
    package let x: Tensor
    package let affine: Normalization.Affine
    /// What the planes were taken of: `fma(scale, x, shift)`.
    package let planes: (scale: PooledArray<Float>, shift: PooledArray<Float>)
    package let levels: ResidualBinarizer.Levels
    /// Bits of the planes, `[pixel][plane][word]`.
    package let codes: Memory
    /// Bits of where the gradient passes, `[pixel][word]`.
    package let mask: Memory
    /// Signs of the weights in this pass, `[filter][tap][word]`; set by a forward pass of training.
    var signs: Memory?
    /// The magnitudes of the weights in this pass.
    package var magnitudes: PooledArray<Float>?
  }

  package init(
    name: String, window: Window, filters: Int, groups: Int, inputChannels: Int,
    binarizer: ResidualBinarizer, weights: WeightBinarizer = .sign, gradientBits: Int? = nil, clip: Float?,
    using random: inout SplitMix64
  ) {
    self.name = name
    self.window = window
    self.groups = groups
    input = FeatureShape(height: window.inHeight, width: window.inWidth, channels: inputChannels)
    output = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
    norm = Normalization(channels: inputChannels)
    self.binarizer = binarizer
    self.weights = weights
    self.gradientBits = gradientBits
    encoders = (
      BitEncoder(
        layout: CodeLayout(channels: inputChannels, groups: groups), scale: [], shift: [], betas: [],
        edge: binarizer.edge),
      BitEncoder(layout: CodeLayout(channels: inputChannels / groups), scale: [], shift: [], betas: [1])
    )
    weight = Parameter(
      .latentBinary(clip: clip ?? .infinity), glorot: window, filters: filters, depth: inputChannels / groups,
      groups: groups,
      using: &random)
  }

  /// A layer of signs in `planes` planes, and weights without magnitudes.
  package init(
    name: String, window: Window, filters: Int, groups: Int, inputChannels: Int, planes: Int, clip: Float,
    using random: inout SplitMix64
  ) {
    self.init(
      name: name, window: window, filters: filters, groups: groups, inputChannels: inputChannels,
      binarizer: ResidualBinarizer(planes: planes), clip: clip, using: &random)
  }

  /// How the bits of the input lie.
  package var layout: CodeLayout { CodeLayout(channels: input.channels, groups: groups) }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    var saved = try encode(x, phase: phase, on: context)
    saved.magnitudes = weights.magnitudes(of: weight, on: context)
    let factors = factors(magnitudes: saved.magnitudes, on: context)
    guard phase == .training else {
      let y = context.tensor(x.images, output)
      multiply(saved, to: y, on: context)
      if let factors { context.scale(y, by: factors, into: y) }
      return (y, saved)
    }
    let signs = signBits(on: context)
    saved.signs = signs
    // Accumulators of one plane mostly fit 16 bits; they are kept until the next layer's gradient.
    let bound = binarizer.largestWeight * window.taps * layout.groupChannels
    let areShort = saved.levels.weights.count == 1 && bound <= Int16.max && factors == nil
    var y = context.tensor(x.images, output, areShort ? .int16 : .float32)
    y.gradientElement = context.precision.element
    y.wantsMaxima = groups == 1 && gradientBits == nil && saved.magnitudes == nil
    let (codes, levels) = (saved.codes, saved.levels)
    context.timed(.product, of: name) {
      arranged(signs, levels, on: context).run(
        codes.words, images: x.images,
        to: areShort
          ? .shorts(y.raw.assumingMemoryBound(to: Int16.self)) : .reals(y.pointer, unit: levels.unit),
        on: context.crew)
    }
    if let factors { context.scale(y, by: factors, into: y) }
    return (y, saved)
  }

  private func factors(
    magnitudes: PooledArray<Float>?, on context: ComputeContext
  ) -> PooledArray<Float>? {
    guard binarizer.isUnipolar else { return magnitudes }
    let step = binarizer.running.step
    let factors = context.array(magnitudes?.count ?? 1, of: Float.self)
    for index in factors.indices { factors[index] = (magnitudes?[index] ?? 1) * step }
    return factors
  }

  /// Normalises and binarizes the input.
  package mutating func encode(_ x: Tensor, phase: Phase, on context: ComputeContext) throws -> Saved {
    let kernels = context.crew.kernels
    let affine = try norm.affine(of: x, phase: phase, on: context)
    let values = x.forKernels
    let levels = try binarizer.levels(phase: phase) { betas in
      let sums = withUnsafePointer(to: values) { values in
        context.channelSums(rows: x.rows, channels: 1, kinds: 1) { range, out, _ in
          out[0] = kernels.residual_magnitude(
            values, affine.scale.pointer, affine.shift.pointer, betas, betas.count, range.lowerBound,
            range.upperBound)
        }
      }
      let whole = try context.batchSums(sums, rows: x.rows)
      return Float(whole.sums[0] / Double(whole.rows * x.channels))
    }
    let codes = context.memory.take(bytes: x.rows * levels.weights.count * layout.words * 4)
    let mask = context.memory.take(bytes: x.rows * layout.words * 4)
    let planes = binarizer.stretched(affine, on: context)
    encoders.input.run(
      values, rows: x.rows, scale: planes.scale.pointer, shift: planes.shift.pointer, betas: levels.betas,
      planes: levels.weights.count, to: codes.words, mask: mask.words, on: context.crew)
    withExtendedLifetime((x, planes)) {}
    return Saved(x: x, affine: affine, planes: planes, levels: levels, codes: codes, mask: mask)
  }

  /// The signs of the latent weights as they are now, `[filter][tap][word]`.
  private func signBits(on context: ComputeContext) -> Memory {
    let rows = output.channels * window.taps
    let bits = context.memory.take(bytes: rows * layout.groupWords * 4)
    encoders.signs.run(weight.value.pointer, rows: rows, to: bits.words, mask: nil, on: context.crew)
    return bits
  }

  /// The forward product with these signs.
  private mutating func arranged(
    _ signs: Memory, _ levels: ResidualBinarizer.Levels, on context: ComputeContext
  ) -> PackedConvolution {
    defer { signs.keep() }
    let kernels = context.crew.kernels
    var convolution =
      packed.flatMap { $0.isa == kernels.isa ? $0 : nil }
      ?? PackedConvolution(
        window: window, filters: output.channels, groups: groups, planes: levels.weights.count,
        parts: ConvolutionBlocks.plain(filters: output.channels, groups: groups),
        inputChannels: input.channels, isUnipolar: levels.isUnipolar, kernels: kernels)
    let scratch = context.memory.take(bytes: convolution.scratchWords * 4)
    defer { scratch.keep() }
    convolution.arrange(signs.words, planeWeights: levels.weights, scratch: scratch.words)
    packed = convolution
    return convolution
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    guard let signs = saved.signs else {
      preconditionFailure("\(name): a gradient of a forward pass that was no training")
    }
    var gradient = gradient
    if let gradientBits {
      gradient.tensor = GradientQuantizer(bits: gradientBits).run(
        gradient.tensor, key: gradient.key, on: context)
    }
    let divisors = saved.magnitudes.map { magnitudes in
      let divisors = context.array(magnitudes.count, of: Float.self)
      for index in divisors.indices { divisors[index] = WeightBinarizer.divisible(magnitudes[index]) }
      return divisors
    }
    if let divisors {
      let dy = context.widened(gradient.tensor)
      let scaled = context.tensor(dy.images, dy.shape)
      context.scale(dy, by: divisors, into: scaled)
      gradient.tensor = scaled
    }
    let (arrived, filters) = (gradient, output.channels)
    var product = context.timed(.weightGradient, of: name) {
      var product = BinaryGradient(
        window: window, groups: groups, input: input, filters: filters, layout: layout,
        levels: saved.levels, codes: saved.codes, mask: saved.mask, signs: signs, gradient: arrived,
        on: context)
      product.weightGradient(into: weight.gradient.pointer, on: context)
      return product
    }
    weights.passBack(weight, magnitudes: saved.magnitudes, divisors: divisors, on: context)
    // Bytes are copies: a rounded gradient, which is this layer's alone, gives its place to the next one.
    let place = context.precision == .int8 && gradient.tensor.element == .bfloat16
    let dz =
      (place ? gradient.tensor.replaced(by: input) : nil)
      ?? context.tensor(gradient.tensor.images, input, context.precision.element)
    let sums = context.timed(.inputGradient, of: name) {
      product.prepareInputGradient(on: context)
      let inputs = product
      return norm.gradientSums(dz, x: saved.x, affine: saved.affine, on: context) { rows, worker in
        inputs.inputGradient(rows, into: dz, worker: worker, on: context)
      }
    }
    return try norm.backward(
      dz, sums: sums, x: saved.x, affine: saved.affine, gradient: gradient, reusesGradient: true, on: context)
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try norm.forEachParameter(prefix: "norm.", body)
    try body("weight", &weight)
  }

  package mutating func forEachStatistic(_ body: (String, inout [Float]) throws -> Void) rethrows {
    try norm.forEachStatistic(prefix: "norm.", body)
    if binarizer.measuresBetas { try body("running_betas", &binarizer.runningBetas) }
  }

  package mutating func takeOwnRoom() { packed = nil }
}

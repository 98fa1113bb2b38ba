// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Layers with magnitudes on their weights, and k-bit activations.
///
/// Oracle: definitions in double precision, and central differences of the surrogate in the weights Ŵ and the activations.
@Suite struct WeightBinarizerTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var weights: WeightBinarizer
    /// Negative for k-bit activations.
    var planes = 1
    var groups = 1
    var kernel = 3
    var stride = 1
    var testDescription: String {
      "\(weights), \(planes < 0 ? "\(-planes) bits" : "M = \(planes)"), \(groups) groups, \(kernel)×\(kernel)/\(stride)"
    }
    var binarizer: ResidualBinarizer {
      planes < 0 ? ResidualBinarizer(bits: -planes) : ResidualBinarizer(planes: planes)
    }
  }

  static let cases =
    WeightBinarizer.allCases.dropFirst().flatMap { weights in
      [1, 2, -1, -2, -3, -4].map { Case(weights: weights, planes: $0) }
    } + [
      Case(weights: .signPerFilter, planes: 3, groups: 2, kernel: 2, stride: 2),
      Case(weights: .signPerLayer, planes: -2, groups: 2, kernel: 5),
      Case(weights: .signPerFilter, planes: -3, groups: 3, kernel: 1),
    ]

  static let shape = FeatureShape(height: 5, width: 4, channels: 6)

  static func layer(_ test: Case) throws -> BinaryConvolution {
    let window = try #require(
      Window(
        input: shape, kernel: (test.kernel, test.kernel), stride: (test.stride, test.stride),
        padding: (test.kernel / 2, test.kernel / 2), rounding: .down))
    var random = SplitMix64(seed: 31)
    let layer = BinaryConvolution(
      name: "conv", window: window, filters: 12, groups: test.groups, inputChannels: 6,
      binarizer: test.binarizer, weights: test.weights, clip: nil, using: &random)
    layer.norm.scale.value.assign(randomFloats(6, seed: 32, low: -1.2, high: 1.2))
    layer.norm.shift.value.assign(randomFloats(6, seed: 33, low: -0.2, high: 0.8))
    // Beyond ±1 too: nothing need clip them.
    layer.weight.value.assign(randomFloats(layer.weight.count, seed: 34, low: -1.3, high: 1.3))
    return layer
  }

  static func magnitudes(_ weight: [Double], _ kind: WeightBinarizer, filters: Int) -> [Double] {
    let depth = weight.count / filters
    switch kind {
    case .real, .sign: return Array(repeating: 1, count: filters)
    case .signPerFilter:
      return (0..<filters).map { f in
        (0..<depth).reduce(0) { $0 + abs(weight[f * depth + $1]) } / Double(depth)
      }
    case .signPerLayer:
      return Array(repeating: weight.reduce(0) { $0 + abs($1) } / Double(weight.count), count: filters)
    }
  }

  /// The gradient of W from that of Ŵ, as the methods' papers have it.
  static func passedBack(_ g: [Double], _ weight: [Double], _ kind: WeightBinarizer, filters: Int) -> [Double]
  {
    guard kind == .signPerFilter else { return g }
    let depth = weight.count / filters
    let alpha = magnitudes(weight, kind, filters: filters)
    return g.indices.map { g[$0] * (1 / Double(depth) + (abs(weight[$0]) <= 1 ? alpha[$0 / depth] : 0)) }
  }

  @Test(arguments: cases)
  func gradients(_ test: Case) throws {
    let context = try makeContext()
    var layer = try Self.layer(test)
    let x = context.random(3, layer.input, seed: 35, low: -2, high: 3)
    let r = context.random(3, layer.output, seed: 36)
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (inputs, ratings, weight) = (x.array.doubles, r.array.doubles, layer.weight.value.array.doubles)
    let (scale, shift) = (layer.norm.scale.value.array.doubles, layer.norm.shift.value.array.doubles)
    let z = Reference.batchNorm(inputs, scale: scale, shift: shift)
    let steps = Double(1 << abs(test.planes) - 1)
    func clip(_ z: Double) -> Double {
      test.planes < 0 ? min(1, max(0, z)) : Reference.clip(z)
    }
    let betas = saved.levels.betas.doubles
    let codes = z.map {
      test.planes < 0 ? (steps * clip($0)).rounded() / steps : Reference.residual($0, betas: betas)
    }
    let alpha = Self.magnitudes(weight, test.weights, filters: 12)
    let depth = weight.count / 12
    let effective = weight.indices.map { alpha[$0 / depth] * Reference.sign(weight[$0]) }
    func convolve(_ codes: [Double], _ weight: [Double]) -> [Double] {
      Reference.convolve(
        codes, weight, window: layer.window, groups: test.groups, channels: 6, filters: 12)
    }
    func loss(_ x: [Double], _ scale: [Double], _ shift: [Double]) -> Double {
      let moved = Reference.batchNorm(x, scale: scale, shift: shift)
      let surrogate = z.indices.map { codes[$0] + clip(moved[$0]) - clip(z[$0]) }
      return weightedSum(convolve(surrogate, effective), ratings)
    }
    expectClose(y.array.doubles, convolve(codes, effective), tolerance: 1e-6, "output")
    func check(_ name: String, _ gradient: [Float], at values: [Double], of loss: ([Double]) -> Double) {
      let expected = finiteDifferences(at: values, indices: Array(values.indices), of: loss)
      expectClose(gradient.doubles, expected, tolerance: 1e-4, name)
    }
    check("dx", dx.array, at: inputs) { loss($0, scale, shift) }
    check("dγ", layer.norm.scale.gradient.array, at: scale) { loss(inputs, $0, shift) }
    check("dβ", layer.norm.shift.gradient.array, at: shift) { loss(inputs, scale, $0) }
    let g = finiteDifferences(at: effective, indices: Array(effective.indices)) { moved in
      weightedSum(convolve(codes, moved), ratings)
    }
    expectClose(
      layer.weight.gradient.array.doubles, Self.passedBack(g, weight, test.weights, filters: 12),
      tolerance: 1e-4, "dW")
  }

  /// Training runs packed bits, evaluation a product of floats: with equal statistics they give the same bits.
  @Test(arguments: cases)
  func packedEqualsFloat(_ test: Case) throws {
    let context = try makeContext()
    var layer = try Self.layer(test)
    let x = context.random(4, Self.shape, seed: 46)
    let (mean, variance) = Reference.moments(x.array.doubles, channels: 6)
    layer.norm.runningMean = mean.map(Float.init)
    layer.norm.runningVariance = variance.map(Float.init)
    let (packed, first) = try layer.forward(x, phase: .training, on: context)
    let (real, second) = try layer.forward(x, phase: .evaluation, on: context)
    #expect(first.levels == second.levels)
    #expect(packed.array.bits == real.array.bits)
  }

  /// The gradients of a layer in bfloat16 and bytes point the way of those in fp32; magnitudes are applied in fp32.
  @Test(arguments: cases)
  func roundedGradients(_ test: Case) throws {
    func gradients(_ precision: Precision) throws -> [[Double]] {
      let context = try makeContext(precision: precision)
      var layer = try Self.layer(test)
      let x = context.random(12, Self.shape, seed: 47, low: -2, high: 2)
      let (_, saved) = try layer.forward(x, phase: .training, on: context)
      let dy = context.random(12, layer.output, seed: 48)
      let dx = try #require(try layer.backward(dy, saved: saved, wantsInputGradient: true, on: context))
      return [layer.weight.gradient.array.doubles, dx.array.doubles]
    }
    let exact = try gradients(.float32)
    for (precision, least) in [(Precision.bfloat16, 0.999), (.int8, 0.99)] {
      for (own, exact) in zip(try gradients(precision), exact) {
        let product = zip(own, exact).reduce(0) { $0 + $1.0 * $1.1 }
        let lengths = [own, exact].map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        #expect(product / (lengths[0] * lengths[1]) > least, "\(precision)")
        #expect(abs(lengths[0] / lengths[1] - 1) < 0.02, "\(precision)")
      }
    }
  }

  /// A filter of zeros has magnitude 0 and gradients that are finite.
  @Test(arguments: [Case(weights: .signPerFilter), Case(weights: .signPerLayer, planes: -2)])
  func weightsOfZero(_ test: Case) throws {
    let context = try makeContext()
    var layer = try Self.layer(test)
    layer.weight.value.assign(Array(repeating: 0, count: layer.weight.count))
    let x = context.random(3, layer.input, seed: 35)
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    #expect(y.array.allSatisfy { $0 == 0 })
    let dy = context.random(3, layer.output, seed: 36)
    let dx = try #require(try layer.backward(dy, saved: saved, wantsInputGradient: true, on: context))
    #expect(dx.array.allSatisfy { abs($0) < 1e-15 })
    #expect(layer.weight.gradient.array.allSatisfy { $0.isFinite })
    #expect(layer.weight.gradient.array.contains { abs($0) > 1e-3 })
  }

  /// One-bit weights on reals in a step that rounds to bfloat16: near fp32, the same for any threads; evaluation is not rounded.
  @Test(arguments: WeightBinarizer.allCases.dropFirst(), [1, 2])
  func realActivationsRounded(kind: WeightBinarizer, stride: Int) throws {
    func run(_ precision: Precision, threads: Int) throws -> (training: [[Float]], evaluation: [Float]) {
      let context = try makeContext(threads: threads, precision: precision)
      let window = try #require(
        Window(
          input: Self.shape, kernel: (3, 3), stride: (stride, stride), padding: (1, 1), rounding: .down))
      var random = SplitMix64(seed: 55)
      var layer = BinaryWeightConvolution(
        name: "conv", window: window, filters: 34, groups: 2, inputChannels: 6, weights: kind, clip: 1,
        using: &random)
      let x = context.random(12, Self.shape, seed: 56)
      let (y, saved) = try layer.forward(x, phase: .training, on: context)
      let dy = context.random(12, layer.output, seed: 57)
      let dx = try #require(try layer.backward(dy, saved: saved, wantsInputGradient: true, on: context))
      let (evaluated, _) = try layer.forward(x, phase: .evaluation, on: context)
      return ([y.array, layer.weight.gradient.array, dx.array], evaluated.array)
    }
    let exact = try run(.float32, threads: 2)
    for precision in Precision.allCases {
      let own = try run(precision, threads: 1)
      #expect(own.evaluation.bits == exact.evaluation.bits)
      #expect(try run(precision, threads: 3).training == own.training)
      for (values, exact) in zip(own.training, exact.training) {
        let error = zip(values, exact).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let size = exact.reduce(0.0) { $0 + Double($1 * $1) }
        #expect((error / size).squareRoot() < 0.006, "\(precision)")
      }
    }
  }

  /// Weights of one bit on real activations.
  @Test(arguments: WeightBinarizer.allCases.dropFirst())
  func realActivations(kind: WeightBinarizer) throws {
    let context = try makeContext()
    let window = try #require(
      Window(input: Self.shape, kernel: (3, 3), stride: (1, 1), padding: (1, 1), rounding: .down))
    var random = SplitMix64(seed: 51)
    var layer = BinaryWeightConvolution(
      name: "conv", window: window, filters: 8, groups: 2, inputChannels: 6, weights: kind, clip: 1,
      using: &random)
    layer.weight.value.assign(randomFloats(layer.weight.count, seed: 52, low: -1.3, high: 1.3))
    let (x, r) = (context.random(3, Self.shape, seed: 53), context.random(3, layer.output, seed: 54))
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (inputs, ratings, weight) = (x.array.doubles, r.array.doubles, layer.weight.value.array.doubles)
    let alpha = Self.magnitudes(weight, kind, filters: 8)
    let depth = weight.count / 8
    let effective = weight.indices.map { alpha[$0 / depth] * Reference.sign(weight[$0]) }
    func convolve(_ x: [Double], _ weight: [Double]) -> [Double] {
      Reference.convolve(x, weight, window: window, groups: 2, channels: 6, filters: 8)
    }
    expectClose(y.array.doubles, convolve(inputs, effective), tolerance: 1e-5, "output")
    expectClose(
      dx.array.doubles,
      finiteDifferences(at: inputs, indices: Array(inputs.indices)) {
        weightedSum(convolve($0, effective), ratings)
      }, tolerance: 1e-4, "dx")
    let g = finiteDifferences(at: effective, indices: Array(effective.indices)) {
      weightedSum(convolve(inputs, $0), ratings)
    }
    expectClose(
      layer.weight.gradient.array.doubles, Self.passedBack(g, weight, kind, filters: 8), tolerance: 1e-4, "dW"
    )
    let (evaluated, _) = try layer.forward(x, phase: .evaluation, on: context)
    #expect(evaluated.array.bits == y.array.bits)
    let none = try layer.backward(r, saved: saved, wantsInputGradient: false, on: context)
    #expect(none?.count == nil)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: double-precision formulas, and central differences of them.
@Suite struct LayerGradientTests {
  struct ConvolutionCase: CustomTestStringConvertible, Sendable {
    var images = 3
    var height = 6
    var width = 5
    var channels = 4
    var filters = 6
    var kernel = (3, 3)
    var stride = (1, 1)
    var padding = (1, 1)
    var groups = 1
    var testDescription: String {
      "\(images)×\(height)×\(width)×\(channels) → \(filters), \(kernel) / \(stride), pad \(padding), \(groups) groups"
    }

    func window() throws -> Window {
      try #require(
        Window(
          input: FeatureShape(height: height, width: width, channels: channels), kernel: kernel,
          stride: stride, padding: padding, rounding: .down))
    }
  }

  static let convolutions = [
    ConvolutionCase(),
    ConvolutionCase(kernel: (5, 2), stride: (2, 1), padding: (2, 0), groups: 2),
    ConvolutionCase(height: 7, width: 7, stride: (3, 2), padding: (0, 2)),
    ConvolutionCase(channels: 17, filters: 33, kernel: (1, 1), padding: (0, 0)),
    ConvolutionCase(channels: 6, filters: 9, kernel: (6, 5), padding: (0, 0), groups: 3),
    // More than one chunk, more than one chunk a lane, and a chunk that is not full.
    ConvolutionCase(images: 21, height: 8, width: 8, channels: 2, filters: 4, groups: 2),
    ConvolutionCase(
      images: 19, height: 28, width: 28, channels: 1, filters: 2, kernel: (2, 2), padding: (0, 0)),
  ]

  @Test(arguments: convolutions)
  func convolution(_ test: ConvolutionCase) throws {
    let context = try makeContext()
    let window = try test.window()
    var random = SplitMix64(seed: 1)
    var layer = Convolution(
      name: "conv", window: window, filters: test.filters, groups: test.groups, inputChannels: test.channels,
      using: &random)
    layer.bias.value.assign(randomFloats(test.filters, seed: 2))
    let x = context.random(test.images, layer.input, seed: 3)
    let r = context.random(test.images, layer.output, seed: 4)
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    func reference(_ x: [Double], _ weight: [Double], _ bias: [Double]) -> [Double] {
      Reference.convolve(
        x, weight, bias: bias, window: window, groups: test.groups, channels: test.channels,
        filters: test.filters)
    }
    let (weight, bias) = (layer.weight.value.array.doubles, layer.bias.value.array.doubles)
    let (inputs, ratings) = (x.array.doubles, r.array.doubles)
    expectClose(y.array.doubles, reference(inputs, weight, bias), tolerance: 1e-5, "output")
    check("dx", dx.array, at: inputs) { weightedSum(reference($0, weight, bias), ratings) }
    check("dW", layer.weight.gradient.array, at: weight) { weightedSum(reference(inputs, $0, bias), ratings) }
    check("db", layer.bias.gradient.array, at: bias) { weightedSum(reference(inputs, weight, $0), ratings) }
  }

  @Test(arguments: [1, 5, 16, 37], [true, false])
  func activation(channels: Int, learnsSlope: Bool) throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 9, width: 11, channels: channels)
    var layer = Activation(name: "act", input: shape, learnsSlope: learnsSlope)
    layer.slope?.value.assign(randomFloats(channels, seed: 5))
    let slopes = layer.slope?.value.array.doubles ?? Array(repeating: 0, count: channels)
    let (x, r) = (context.random(4, shape, seed: 6), context.random(4, shape, seed: 7))
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (inputs, ratings) = (x.array.doubles, r.array.doubles)
    expectClose(y.array.doubles, Reference.prelu(inputs, slope: slopes), tolerance: 1e-6, "output")
    check("dx", dx.array, at: inputs) { weightedSum(Reference.prelu($0, slope: slopes), ratings) }
    if let slope = layer.slope {
      check("ds", slope.gradient.array, at: slopes) {
        weightedSum(Reference.prelu(inputs, slope: $0), ratings)
      }
    }
  }

  /// At 0, PReLU's gradient is the slope's: the convention of the reference.
  @Test func activationAtZero() throws {
    let context = try makeContext()
    var layer = Activation(
      name: "act", input: FeatureShape(height: 1, width: 1, channels: 2), learnsSlope: true)
    layer.slope?.value.assign([0.25, -0.5])
    let x = context.tensor(1, layer.output, values: [0, -0.0])
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dy = context.tensor(1, layer.output, values: [4, 8])
    let dx = try #require(try layer.backward(dy, saved: saved, wantsInputGradient: true, on: context))
    #expect(y.array == [0, 0])
    #expect(dx.array == [1, -4])
    #expect(layer.slope?.gradient.array == [0, 0])
  }

  @Test(arguments: [(1, 3, 2, 0), (7, 2, 2, 0), (20, 3, 1, 1), (16, 3, 3, 2), (5, 9, 4, 0)])
  func maxPool(channels: Int, kernel: Int, stride: Int, padding: Int) throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 8, width: 7, channels: channels)
    let window = try #require(
      Window(
        input: shape, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
        rounding: .up))
    var layer = MaxPool(name: "pool", window: window, channels: channels)
    let (x, r) = (context.random(3, shape, seed: 8), context.random(3, layer.output, seed: 9))
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (inputs, ratings) = (x.array.doubles, r.array.doubles)
    #expect(y.array.doubles == Reference.maxPool(inputs, window: window, channels: channels))
    check("dx", dx.array, at: inputs) {
      weightedSum(Reference.maxPool($0, window: window, channels: channels), ratings)
    }
  }

  /// Equal values: the gradient goes to the first in row-major order, and every output's arrives.
  @Test func maxPoolTies() throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 3, width: 3, channels: 1)
    let window = try #require(
      Window(input: shape, kernel: (2, 2), stride: (1, 1), padding: (0, 0), rounding: .up))
    var layer = MaxPool(name: "pool", window: window, channels: 1)
    let x = context.tensor(1, shape, values: [1, 1, 0, 1, 1, 2, 0, 2, 2])
    let (_, saved) = try layer.forward(x, phase: .training, on: context)
    let dy = context.tensor(1, layer.output, values: [1, 2, 4, 8])
    let dx = try #require(try layer.backward(dy, saved: saved, wantsInputGradient: true, on: context))
    #expect(dx.array == [1, 0, 0, 0, 0, 10, 0, 4, 0])
  }

  @Test func averagePoolAndScale() throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 5, width: 3, channels: 19)
    var pool = AveragePool(name: "average", input: shape)
    var scale = Scale(name: "scale", input: pool.output, initial: 0.3)
    let (x, r) = (context.random(4, shape, seed: 10), context.random(4, pool.output, seed: 11))
    let (mean, savedPool) = try pool.forward(x, phase: .training, on: context)
    let (y, savedScale) = try scale.forward(mean, phase: .training, on: context)
    let between = try #require(
      try scale.backward(r, saved: savedScale, wantsInputGradient: true, on: context))
    let dx = try #require(
      try pool.backward(between, saved: savedPool, wantsInputGradient: true, on: context))
    func reference(_ x: [Double], _ factor: [Double]) -> [Double] {
      Reference.averagePool(x, pixels: 15, channels: 19).map { $0 * factor[0] }
    }
    let (inputs, ratings, factor) = (x.array.doubles, r.array.doubles, [Double(Float(0.3))])
    expectClose(y.array.doubles, reference(inputs, factor), tolerance: 1e-6, "output")
    check("dx", dx.array, at: inputs) { weightedSum(reference($0, factor), ratings) }
    check("ds", scale.factor.gradient.array, at: factor) { weightedSum(reference(inputs, $0), ratings) }
  }

  @Test(arguments: [1, 6, 16, 35])
  func batchNorm(channels: Int) throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 7, width: 9, channels: channels)
    var layer = BatchNorm(name: "norm", input: shape)
    layer.norm.scale.value.assign(randomFloats(channels, seed: 12))
    layer.norm.shift.value.assign(randomFloats(channels, seed: 13))
    // A mean far from 0 and more than one chunk of rows.
    let x = context.random(5, shape, seed: 14, low: 9, high: 12)
    let r = context.random(5, shape, seed: 15)
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (inputs, ratings) = (x.array.doubles, r.array.doubles)
    let (scale, shift) = (layer.norm.scale.value.array.doubles, layer.norm.shift.value.array.doubles)
    func loss(_ x: [Double], _ scale: [Double], _ shift: [Double]) -> Double {
      weightedSum(Reference.batchNorm(x, scale: scale, shift: shift), ratings)
    }
    expectClose(
      y.array.doubles, Reference.batchNorm(inputs, scale: scale, shift: shift), tolerance: 1e-5, "output")
    check("dx", dx.array, at: inputs, tolerance: 3e-4) { loss($0, scale, shift) }
    check("dγ", layer.norm.scale.gradient.array, at: scale) { loss(inputs, $0, shift) }
    check("dβ", layer.norm.shift.gradient.array, at: shift) { loss(inputs, scale, $0) }
    let (mean, variance) = Reference.moments(inputs, channels: channels)
    expectClose(layer.norm.runningMean.doubles, mean.map { 0.1 * $0 }, tolerance: 1e-5, "running mean")
    expectClose(
      layer.norm.runningVariance.doubles, variance.map { 0.9 + 0.1 * $0 }, tolerance: 1e-5,
      "running variance")
  }
}

/// Expects a gradient to equal central differences, on at most about 60 indices spread over the tensor.
func check(
  _ what: String, _ gradient: [Float], at values: [Double], tolerance: Double = 1e-4,
  sourceLocation: SourceLocation = #_sourceLocation, loss: ([Double]) -> Double
) {
  let step = values.count <= 60 ? 1 : values.count / 60 | 1
  let indices = Array(stride(from: 0, to: values.count, by: step))
  let numeric = finiteDifferences(at: values, indices: indices, of: loss)
  #expect(numeric.contains { $0 != 0 }, "\(what): the check sees nothing", sourceLocation: sourceLocation)
  expectClose(
    indices.map { Double(gradient[$0]) }, numeric, tolerance: tolerance, what, sourceLocation: sourceLocation)
}

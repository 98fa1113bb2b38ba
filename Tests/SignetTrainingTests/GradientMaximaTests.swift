// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Maxima of an 8-bit gradient, taken where the gradient is written.
///
/// Oracle: the same gradient without them, of which the layer that rounds it takes them itself: the same bits.
@Suite struct GradientMaximaTests {
  enum Tail: Sendable { case convolution, poolAndConvolution, poolAndMean }

  struct Case: CustomTestStringConvertible, Sendable {
    var filters = 48
    var groups = 1
    var planes = 1
    var images = 5
    var tail = Tail.convolution
    /// Whether whoever writes the gradient takes them.
    var isTaken = true
    var testDescription: String {
      "\(filters) filters in \(groups) groups, M = \(planes), \(images) images, \(tail)"
    }

    private static let input = FeatureShape(height: 9, width: 8, channels: 32)

    private func window(
      _ input: FeatureShape, kernel: Int, stride: Int, padding: Int
    ) throws -> Window {
      try #require(
        Window(
          input: input, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
          rounding: stride == 2 ? .up : .down))
    }

    func first() throws -> BinaryConvolution {
      var random = SplitMix64(seed: 95)
      return BinaryConvolution(
        name: "first", window: try window(Self.input, kernel: 3, stride: 1, padding: 1), filters: filters,
        groups: groups, inputChannels: 32, planes: planes, clip: 1, using: &random)
    }

    func network(behind shape: FeatureShape) throws -> Sequential {
      var random = SplitMix64(seed: 96)
      var (layers, last): ([any Layer], FeatureShape) = ([], shape)
      if tail != .poolAndMean {
        let activation = Activation(name: "act", input: shape, learnsSlope: true, isDeferred: true)
        activation.slope?.value.assign(randomFloats(filters, seed: 97, low: -0.8, high: 0.8))
        layers.append(activation)
      }
      if tail != .convolution {
        let pool = MaxPool(
          name: "pool", window: try window(shape, kernel: 3, stride: 2, padding: 0), channels: filters)
        layers.append(pool)
        last = pool.output
      }
      if tail == .poolAndMean {
        layers.append(AveragePool(name: "mean", input: last))
      } else {
        layers.append(
          BinaryConvolution(
            name: "last", window: try window(last, kernel: 3, stride: 1, padding: 1), filters: 7, groups: 1,
            inputChannels: filters, planes: 1, clip: 1, using: &random))
      }
      return Sequential(input: shape, layers: layers)
    }

    func input(on context: ComputeContext) -> Tensor {
      context.random(images, Self.input, seed: 98, low: -2, high: 2)
    }
  }

  static let cases = [
    Case(), Case(filters: 19), Case(tail: .poolAndConvolution),
    Case(filters: 19, tail: .poolAndConvolution), Case(planes: 2),
    // Floats, since nobody takes a mean's gradient in bfloat16.
    Case(tail: .poolAndMean), Case(filters: 19, planes: 2, tail: .poolAndMean),
    // A single chunk that is not full; whole ones and a part.
    Case(images: 2), Case(filters: 64, images: 8), Case(images: 31, tail: .poolAndConvolution),
    // Groups have scales of their own.
    Case(groups: 2, isTaken: false),
  ]

  @Test(arguments: cases)
  func sameAsTakenByTheLayerThatRounds(_ test: Case) throws {
    let context = try makeContext(precision: .int8)
    // All anew each time: a layer may overwrite the gradient that it is given.
    func run(keeps: Bool) throws -> (weight: [Float], input: [Float]) {
      var first = try test.first()
      var network = try test.network(behind: first.output)
      let (y, saved) = try first.forward(test.input(on: context), phase: .training, on: context)
      let (z, tape) = try network.forward(y, phase: .training, on: context)
      let shape = try #require(network.layers.last).output
      let r = Gradient(context.random(z.images, shape, seed: 99), key: 5)
      var gradient = try #require(
        try network.backward(r, tape: tape, wantsInputGradient: true, on: context))
      #expect((gradient.maxima != nil) == test.isTaken)
      if !keeps {
        let tensor = gradient.tensor
        gradient.tensor = tensor
        #expect(gradient.maxima == nil, "they are of a tensor, and go with it")
      }
      let dx = try #require(
        try first.backward(gradient, saved: saved, wantsInputGradient: true, on: context))
      return (first.weight.gradient.array, dx.tensor.array)
    }
    let (found, expected) = (try run(keeps: true), try run(keeps: false))
    #expect(expected.weight.contains { $0 != 0 } && expected.input.contains { $0 != 0 })
    #expect(found.weight.bits.elementsEqual(expected.weight.bits) as Bool, "dW")
    #expect(found.input.bits.elementsEqual(expected.input.bits) as Bool, "dX")
  }
}

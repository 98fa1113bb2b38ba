// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: central differences of the surrogate.
///
/// In the surrogate, a binarized activation is its value plus the change of clip(z, −1, 1), and a binarized weight its sign
/// plus the change of the latent weight; its derivative is what the straight-through backward pass computes.
@Suite struct BinaryGradientTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var images = 3
    var height = 5
    var width = 4
    var channels = 6
    var filters = 4
    var kernel = 3
    var stride = 1
    var padding = 1
    var groups = 1
    var testDescription: String {
      "\(images)×\(height)×\(width)×\(channels) → \(filters), \(kernel)/\(stride), pad \(padding), \(groups) groups"
    }

    func layer(planes: Int) throws -> BinaryConvolution {
      let window = try #require(
        Window(
          input: FeatureShape(height: height, width: width, channels: channels), kernel: (kernel, kernel),
          stride: (stride, stride), padding: (padding, padding), rounding: .down))
      var random = SplitMix64(seed: 21)
      let layer = BinaryConvolution(
        name: "conv", window: window, filters: filters, groups: groups, inputChannels: channels,
        planes: planes, clip: 1, using: &random)
      layer.norm.scale.value.assign(randomFloats(channels, seed: 22, low: -1.2, high: 1.2))
      layer.norm.shift.value.assign(randomFloats(channels, seed: 23, low: -0.4, high: 0.4))
      return layer
    }
  }

  static let cases = [
    Case(),
    Case(kernel: 2, stride: 2, padding: 0, groups: 2),
    Case(channels: 35, filters: 17, kernel: 1, padding: 0),
    Case(channels: 66, filters: 4, groups: 2),
    Case(images: 21, height: 8, width: 8, channels: 3, filters: 2),
  ]

  @Test(arguments: cases, 1...4)
  func gradients(_ test: Case, planes: Int) throws {
    let context = try makeContext()
    var layer = try test.layer(planes: planes)
    let x = context.random(test.images, layer.input, seed: 24, low: -2, high: 3)
    let r = context.random(test.images, layer.output, seed: 25)
    let (y, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (inputs, ratings, weight) = (x.array.doubles, r.array.doubles, layer.weight.value.array.doubles)
    let (scale, shift) = (layer.norm.scale.value.array.doubles, layer.norm.shift.value.array.doubles)
    let z = Reference.batchNorm(inputs, scale: scale, shift: shift)
    let betas = saved.levels.betas.doubles
    let codes = z.map { Reference.residual($0, betas: betas) }
    let clipped = z.map(Reference.clip)
    let signs = weight.map(Reference.sign)
    func convolve(_ codes: [Double], _ weight: [Double]) -> [Double] {
      Reference.convolve(
        codes, weight, window: layer.window, groups: test.groups, channels: test.channels,
        filters: test.filters)
    }
    func loss(_ x: [Double], _ scale: [Double], _ shift: [Double]) -> Double {
      let z = Reference.batchNorm(x, scale: scale, shift: shift)
      let surrogate = z.indices.map { codes[$0] + Reference.clip(z[$0]) - clipped[$0] }
      return weightedSum(convolve(surrogate, signs), ratings)
    }
    expectClose(y.array.doubles, convolve(codes, signs), tolerance: 1e-6, "output")
    check("dx", dx.array, at: inputs) { loss($0, scale, shift) }
    check("dγ", layer.norm.scale.gradient.array, at: scale) { loss(inputs, $0, shift) }
    check("dβ", layer.norm.shift.gradient.array, at: shift) { loss(inputs, scale, $0) }
    check("dW", layer.weight.gradient.array, at: weight) { moved in
      weightedSum(convolve(codes, moved.indices.map { signs[$0] + moved[$0] - weight[$0] }), ratings)
    }
  }

  /// Oracle: the definition of the residual levels, in double precision; the β are quantised as documented.
  @Test(arguments: 2...4)
  func levelsAreMeanMagnitudesOfResiduals(planes: Int) throws {
    let context = try makeContext()
    let test = Case(images: 5, height: 9, width: 9)
    var layer = try test.layer(planes: planes)
    var running: [Double] = []
    for batch in 0..<3 {
      let x = context.random(test.images, layer.input, seed: 26 + UInt64(batch), low: -2, high: 3)
      let saved = try layer.encode(x, phase: .training, on: context)
      var rest = Reference.batchNorm(
        x.array.doubles, scale: layer.norm.scale.value.array.doubles,
        shift: layer.norm.shift.value.array.doubles)
      var measured: [Double] = []
      for beta in saved.levels.betas {
        measured.append(rest.reduce(0) { $0 + abs($1) } / Double(rest.count))
        rest = rest.map { $0 - Double(beta) * Reference.sign($0) }
      }
      running = batch == 0 ? measured : zip(running, measured).map { 0.9 * $0 + 0.1 * $1 }
      #expect((128...256).contains(saved.levels.weights[0]))
      let half = Double(saved.levels.unit) / 2
      for (beta, value) in zip(saved.levels.betas, measured) {
        #expect(abs(Double(beta) - value) <= half * 1.001)
      }
      expectClose(layer.binarizer.runningBetas.doubles, running, tolerance: 1e-5, "running β")
    }
    let inference = try layer.encode(
      context.random(2, layer.input, seed: 40), phase: .evaluation, on: context)
    for (beta, value) in zip(inference.levels.betas, running) {
      #expect(abs(Double(beta) - value) <= Double(inference.levels.unit) / 2 * 1.001)
    }
    expectClose(layer.binarizer.runningBetas.doubles, running, tolerance: 1e-5, "unchanged by evaluation")
  }
}

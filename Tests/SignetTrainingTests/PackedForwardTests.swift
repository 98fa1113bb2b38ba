// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// The binarized activations that a layer keeps, as numbers `[image, pixel, channel]`.
func decodedCodes(_ layer: BinaryConvolution, _ saved: BinaryConvolution.Saved) -> [Float] {
  let (layout, levels) = (layer.layout, saved.levels)
  let planes = levels.weights.count
  return (0..<saved.x.count).map { index in
    let (pixel, channel) = index.quotientAndRemainder(dividingBy: layer.input.channels)
    let (word, bit) = layout.position(of: channel)
    var sum: Int32 = 0
    for plane in 0..<planes {
      let isSet = saved.codes.words[(pixel * planes + plane) * layout.words + word] >> UInt32(bit) & 1 == 1
      sum += isSet ? levels.weights[plane] : -levels.weights[plane]
    }
    return Float(sum) * levels.unit
  }
}

/// Oracle: the sum of ±n_m over the taps inside the image, in exact double arithmetic.
@Suite struct PackedForwardTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var channels: Int
    var filters: Int
    var groups = 1
    var kernel = 3
    var stride = 1
    var padding = 1
    var testDescription: String {
      "\(channels) → \(filters), \(kernel)/\(stride), pad \(padding), \(groups) groups"
    }
  }

  static let cases = [
    Case(channels: 1, filters: 1), Case(channels: 3, filters: 17, stride: 2), Case(channels: 32, filters: 16),
    Case(channels: 33, filters: 31, kernel: 1, padding: 0), Case(channels: 40, filters: 24, groups: 2),
    Case(channels: 66, filters: 6, groups: 3, kernel: 5, padding: 2),
    Case(channels: 70, filters: 35, groups: 5, kernel: 2, stride: 2, padding: 0),
    Case(channels: 65, filters: 129, kernel: 7, padding: 0),
  ]

  @Test(arguments: cases, 1...4)
  func bothPhasesAreTheIntegerSum(_ test: Case, planes: Int) throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 7, width: 7, channels: test.channels)
    let window = try #require(
      Window(
        input: shape, kernel: (test.kernel, test.kernel), stride: (test.stride, test.stride),
        padding: (test.padding, test.padding), rounding: .down))
    var random = SplitMix64(seed: 41)
    var layer = BinaryConvolution(
      name: "conv", window: window, filters: test.filters, groups: test.groups, inputChannels: test.channels,
      planes: planes, clip: 1, using: &random)
    layer.norm.scale.value.assign(randomFloats(test.channels, seed: 42))
    layer.norm.shift.value.assign(randomFloats(test.channels, seed: 43))
    for index in stride(from: 0, to: layer.weight.count, by: 5) {
      layer.weight.value.pointer[index] = index % 2 == 0 ? 0 : -0.0
    }
    let weights = layer.weight.value.array.map { Reference.sign(Double($0)) }
    for (batch, phase) in [Phase.training, .training, .evaluation].enumerated() {
      let x = context.random(3, shape, seed: 44 + UInt64(batch), low: -2, high: 1)
      let (y, saved) = try layer.forward(x, phase: phase, on: context)
      let expected = Reference.convolve(
        decodedCodes(layer, saved).doubles, weights, window: window, groups: test.groups,
        channels: test.channels, filters: test.filters)
      #expect(y.array.doubles == expected, "\(phase)")
    }
  }

  /// With running statistics equal to the batch's, packed and float convolution see the same bits and give the same ones.
  @Test(arguments: 1...4)
  func packedEqualsFloat(planes: Int) throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 6, width: 6, channels: 36)
    let window = try #require(
      Window(input: shape, kernel: (3, 3), stride: (1, 1), padding: (1, 1), rounding: .down))
    var random = SplitMix64(seed: 45)
    var layer = BinaryConvolution(
      name: "conv", window: window, filters: 10, groups: 2, inputChannels: 36, planes: planes, clip: 1,
      using: &random)
    let x = context.random(4, shape, seed: 46)
    // With the batch's statistics as running ones, a step towards the batch's changes nothing.
    let (mean, variance) = Reference.moments(x.array.doubles, channels: 36)
    layer.norm.runningMean = mean.map(Float.init)
    layer.norm.runningVariance = variance.map(Float.init)
    let (packed, first) = try layer.forward(x, phase: .training, on: context)
    let (real, second) = try layer.forward(x, phase: .evaluation, on: context)
    #expect(first.levels == second.levels)
    #expect(decodedCodes(layer, first) == decodedCodes(layer, second))
    #expect(packed.array.bits == real.array.bits)
  }
}

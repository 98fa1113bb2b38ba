// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// The first layer with 8-bit weights.
///
/// Oracles: integers summed in plain loops for the forward pass; double-precision convolutions on grey levels, and
/// central differences of them, for the straight-through gradients.
@Suite struct QuantizedConvolutionTests {
  static let cases = [
    LayerGradientTests.ConvolutionCase(channels: 3, filters: 6),
    LayerGradientTests.ConvolutionCase(
      channels: 2, filters: 6, kernel: (5, 2), stride: (2, 1), padding: (2, 0), groups: 2),
    LayerGradientTests.ConvolutionCase(
      height: 7, width: 7, channels: 1, filters: 17, stride: (3, 2), padding: (0, 2)),
    LayerGradientTests.ConvolutionCase(
      images: 21, height: 28, width: 28, channels: 1, filters: 3, kernel: (2, 2), padding: (1, 1)),
  ]

  private static func layer(
    _ test: LayerGradientTests.ConvolutionCase
  ) throws -> (QuantizedConvolution, Preprocessing) {
    var random = SplitMix64(seed: 1)
    let convolution = Convolution(
      name: "conv", window: try test.window(), filters: test.filters, groups: test.groups,
      inputChannels: test.channels, using: &random)
    convolution.bias.value.assign(randomFloats(test.filters, seed: 2))
    let preprocessing = Preprocessing(
      height: test.height, width: test.width, channels: test.channels,
      mean: [0.48, 0.1, 0.9].prefix(test.channels).map { $0 },
      deviation: [0.25, 0.4, 0.1].prefix(test.channels).map { $0 }
    ).withByteZero
    return (try QuantizedConvolution(convolution, preprocessing: preprocessing), preprocessing)
  }

  @Test(arguments: cases)
  func forwardIsTheFormulaOfIntegers(_ test: LayerGradientTests.ConvolutionCase) throws {
    let context = try makeContext()
    var (layer, preprocessing) = try Self.layer(test)
    let zero = try #require(preprocessing.zero)
    let count = test.images * layer.input.count
    var random = SplitMix64(seed: 3)
    let bytes = (0..<count).map { _ in random.index(below: 256) }
    let table = preprocessing.table()
    let x = context.tensor(
      test.images, layer.input, values: bytes.enumerated().map { table[$0 % test.channels * 256 + $1] })
    let levels = bytes.enumerated().map { Double($1 - Int(zero[$0 % test.channels])) }
    let weights = try layer.rounded()
    let sums = Reference.convolve(
      levels, weights.values.map(Double.init), window: layer.window, groups: test.groups,
      channels: test.channels, filters: test.filters)
    let bias = layer.bias.value.array
    let expected = sums.enumerated().map { index, sum in
      bias[index % test.filters].addingProduct(weights.scale[index % test.filters], Float(sum))
    }
    for phase in [Phase.training, .evaluation] {
      let (y, _) = try layer.forward(x, phase: phase, on: context)
      #expect(y.array.bits == expected.bits)
    }
    // And near the convolution with the latent weights.
    let latent = Reference.convolve(
      x.array.doubles, layer.weight.value.array.doubles, bias: bias.doubles, window: layer.window,
      groups: test.groups, channels: test.channels, filters: test.filters)
    expectClose(expected.doubles, latent, tolerance: 0.03, "latent output")
  }

  @Test(arguments: cases)
  func backwardIsStraightThrough(_ test: LayerGradientTests.ConvolutionCase) throws {
    let context = try makeContext()
    var (layer, preprocessing) = try Self.layer(test)
    let x = context.random(test.images, layer.input, seed: 4)
    let r = context.random(test.images, layer.output, seed: 5)
    let (_, saved) = try layer.forward(x, phase: .training, on: context)
    let dx = try #require(try layer.backward(r, saved: saved, wantsInputGradient: true, on: context))
    let (units, ratings) = (preprocessing.units, r.array.doubles)
    let zero = try #require(preprocessing.zero)
    // What the layer sees: whole grey levels, where bytes are.
    let seen = x.array.enumerated().map { index, value -> Double in
      let c = index % test.channels
      let level = (Double(value) / Double(units[c])).rounded(.toNearestOrEven)
      return Double(units[c]) * min(Double(255 - zero[c]), max(-Double(zero[c]), level))
    }
    func reference(_ x: [Double], _ weight: [Double], _ bias: [Double]) -> [Double] {
      Reference.convolve(
        x, weight, bias: bias, window: layer.window, groups: test.groups, channels: test.channels,
        filters: test.filters)
    }
    let (latent, bias) = (layer.weight.value.array.doubles, layer.bias.value.array.doubles)
    check("dW", layer.weight.gradient.array, at: latent) { weightedSum(reference(seen, $0, bias), ratings) }
    check("db", layer.bias.gradient.array, at: bias) { weightedSum(reference(seen, latent, $0), ratings) }
    let weights = try layer.rounded()
    let (depth, own) = (latent.count / test.filters, test.channels / test.groups)
    let effective = weights.values.indices.map { index -> Double in
      let group = index / depth / (test.filters / test.groups)
      return Double(weights.values[index]) * Double(weights.scale[index / depth])
        / Double(units[group * own + index % own])
    }
    check("dx", dx.array, at: seen) { weightedSum(reference($0, effective, bias), ratings) }
  }

  private func check(
    _ what: String, _ gradient: [Float], at values: [Double], _ loss: ([Double]) -> Double
  ) {
    let indices = values.count <= 40 ? Array(values.indices) : (0..<40).map { $0 * values.count / 40 }
    let expected = finiteDifferences(at: values, indices: indices, step: 1e-3, of: loss)
    expectClose(indices.map { Double(gradient[$0]) }, expected, tolerance: 1e-4, what)
  }

  @Test func weightsThatAreNoNumbers() throws {
    let context = try makeContext()
    var (layer, _) = try Self.layer(Self.cases[0])
    layer.weight.value.pointer[3] = .nan
    let x = context.random(1, layer.input, seed: 1)
    #expect(throws: NotFinite.self) { try layer.forward(x, phase: .training, on: context) }
  }

  /// The network starts from the numbers that real weights would start from, and its file is smaller.
  @Test func theSameInitialWeights() throws {
    func parameters(_ firstLayer: Method.FirstLayer?) throws -> [String: [Float]] {
      var method = Method.tang
      method.firstLayer = firstLayer
      let configuration = makeConfiguration(
        .ninSmall, input: FeatureShape(height: 28, width: 28, channels: 1), classes: 10, method: method)
      var network = try configuration.initialNetwork()
      var values: [String: [Float]] = [:]
      network.forEachParameter { values[$0] = $1.value.array }
      return values
    }
    #expect(try parameters(.int8) == parameters(nil))
  }

  /// A configuration whose preprocessing and method disagree is refused.
  @Test func zeroAndMethodBelongTogether() throws {
    var configuration = makeConfiguration(
      .ninSmall, input: FeatureShape(height: 28, width: 28, channels: 1), classes: 10)
    _ = try configuration.validated()
    configuration.method.firstLayer = .int8
    #expect(throws: TrainingError.self) { try configuration.validated() }
    configuration.preprocessing = configuration.preprocessing.withByteZero
    _ = try configuration.validated()
    configuration.method.firstLayer = nil
    #expect(throws: TrainingError.self) { try configuration.validated() }
  }
}

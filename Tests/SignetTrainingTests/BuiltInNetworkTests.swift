// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: the paper's networks, layer by layer, and their published numbers of weights.
@Suite struct BuiltInNetworkTests {
  static let image = FeatureShape(height: 224, width: 224, channels: 3)

  /// `[kernel, output height, output width, output channels]` of each layer.
  static func sizes(_ layout: NetworkLayout) -> [String: [Int]] {
    var sizes: [String: [Int]] = [:]
    for layer in layout.layers {
      switch layer {
      case .convolution(let name, let window, let filters, _, _):
        sizes[name] = [window.kernelHeight, window.outHeight, window.outWidth, filters]
      case .maxPool(let name, let window, let channels):
        sizes[name] = [window.kernelHeight, window.outHeight, window.outWidth, channels]
      case .averagePool(let name, let input):
        sizes[name] = [input.height, 1, 1, input.channels]
      }
    }
    return sizes
  }

  static func weights(_ layout: NetworkLayout) -> Int {
    layout.layers.reduce(0) { sum, layer in
      guard case .convolution(_, let window, let filters, let groups, let channels) = layer else {
        return sum
      }
      return sum + window.taps * channels / groups * filters
    }
  }

  @Test func nin() throws {
    let layout = try NetworkLayout(.nin, input: Self.image, classes: 1000)
    #expect(
      Self.sizes(layout) == [
        "conv1": [11, 54, 54, 96], "cccp1": [1, 54, 54, 96], "cccp2": [1, 54, 54, 96],
        "max_pool4": [3, 27, 27, 96], "conv2": [5, 27, 27, 256], "cccp3": [1, 27, 27, 256],
        "cccp4": [1, 27, 27, 256], "max_pool8": [3, 13, 13, 256], "conv3": [3, 13, 13, 384],
        "cccp5": [1, 13, 13, 384], "cccp6": [1, 13, 13, 384], "max_pool12": [3, 6, 6, 384],
        "conv4": [3, 6, 6, 1024], "cccp7": [1, 6, 6, 1024], "cccp8": [1, 6, 6, 1000],
        "average_pool16": [6, 1, 1, 1000],
      ])
    #expect(Self.weights(layout) == 7_589_920)
  }

  @Test func alexNet() throws {
    let layout = try NetworkLayout(.alexNet, input: Self.image, classes: 1000)
    #expect(
      Self.sizes(layout) == [
        "conv1": [11, 55, 55, 96], "max_pool2": [3, 27, 27, 96], "conv2": [5, 27, 27, 256],
        "max_pool4": [3, 13, 13, 256], "conv3": [3, 13, 13, 384], "conv4": [3, 13, 13, 384],
        "conv5": [3, 13, 13, 256], "max_pool8": [3, 6, 6, 256], "fc6": [6, 1, 1, 4096],
        "fc7": [1, 1, 1, 4096], "fc8": [1, 1, 1, 1000],
      ])
    #expect(Self.weights(layout) == 60_954_656)
  }

  static let smallImage = FeatureShape(height: 32, width: 32, channels: 3)

  /// As in its paper's description for CIFAR-10; 966 thousand weights.
  @Test func ninForCIFAR() throws {
    let layout = try NetworkLayout(.ninCifar, input: Self.smallImage, classes: 10)
    #expect(
      Self.sizes(layout) == [
        "conv1": [5, 32, 32, 192], "cccp1": [1, 32, 32, 160], "cccp2": [1, 32, 32, 96],
        "max_pool4": [3, 16, 16, 96], "conv2": [5, 16, 16, 192], "cccp3": [1, 16, 16, 192],
        "cccp4": [1, 16, 16, 192], "max_pool8": [3, 8, 8, 192], "conv3": [3, 8, 8, 192],
        "cccp5": [1, 8, 8, 192], "cccp6": [1, 8, 8, 10], "average_pool12": [8, 1, 1, 10],
      ])
    #expect(Self.weights(layout) == 965_568)
  }

  /// As in its paper: (2×128C3)-MP2-(2×256C3)-MP2-(2×512C3)-MP2-(2×1024FC)-10.
  @Test func vggForCIFAR() throws {
    let layout = try NetworkLayout(.vggSmall, input: Self.smallImage, classes: 10)
    #expect(
      Self.sizes(layout) == [
        "conv1": [3, 32, 32, 128], "conv2": [3, 32, 32, 128], "max_pool3": [2, 16, 16, 128],
        "conv3": [3, 16, 16, 256], "conv4": [3, 16, 16, 256], "max_pool6": [2, 8, 8, 256],
        "conv5": [3, 8, 8, 512], "conv6": [3, 8, 8, 512], "max_pool9": [2, 4, 4, 512],
        "fc1": [4, 1, 1, 1024], "fc2": [1, 1, 1, 1024], "fc3": [1, 1, 1, 10],
      ])
    #expect(Self.weights(layout) == 14_022_016)
  }

  /// Only what is known of a network stands in for a size that nothing else says.
  @Test func usualInputs() {
    #expect(
      NetworkDescription.builtIn.map(\.usualInput) == [
        nil, nil, [32, 32, 3], [32, 32, 3], [224, 224, 3], [224, 224, 3],
      ])
  }

  @Test(arguments: [28, 32], [1, 3])
  func small(size: Int, channels: Int) throws {
    for network in [NetworkDescription.ninSmall, .mlp, .ninCifar, .vggSmall] {
      let configuration = makeConfiguration(
        network, input: FeatureShape(height: size, width: size, channels: channels), classes: 10)
      #expect(try configuration.initialNetwork().layers.last?.output.channels == 10)
    }
  }

  @Test func namesDiffer() {
    #expect(
      Set(NetworkDescription.builtIn.map(\.name)) == [
        "nin-small", "mlp", "nin-cifar", "vgg-small", "nin", "alexnet",
      ])
  }

  /// Weights before training are spread evenly between Glorot's bounds, and differ from layer to layer.
  @Test func initialWeights() throws {
    let configuration = makeConfiguration(
      .ninSmall, input: FeatureShape(height: 28, width: 28, channels: 1), classes: 10)
    var network = try configuration.initialNetwork()
    var seen: [Float] = []
    network.forEachParameter { name, parameter in
      guard name.hasSuffix(".weight") else { return }
      let (filters, taps) = (parameter.shape[0], parameter.shape[1] * parameter.shape[2])
      let bound = (6 / Float(taps * parameter.shape[3] + taps * filters)).squareRoot()
      let values = parameter.value.array
      #expect(values.allSatisfy { abs($0) <= bound } as Bool, "\(name)")
      let (mean, variance) = Reference.moments(values.doubles, channels: 1)
      #expect(abs(mean[0]) < Double(bound) * 0.1, "\(name)")
      #expect(abs(variance[0] - Double(bound * bound) / 3) < Double(bound * bound) * 0.05, "\(name)")
      seen.append(values[0] / bound)
    }
    #expect(Set(seen).count == 6)
  }

  /// The paper's networks take a step at their full size, and their compact models give the logits of the graph.
  ///
  /// One after the other: AlexNet's parameters with gradients and moments take 1 GB.
  @Test func largeNetworksTrainAndRun() throws {
    let context = try makeContext()
    for (network, input, classes, planes, compression) in [
      (NetworkDescription.nin, Self.image, 1000, 2, 26.5), (.alexNet, Self.image, 1000, 1, 31),
      (.ninCifar, Self.smallImage, 10, 4, 18.5), (.vggSmall, Self.smallImage, 10, 2, 31),
    ] {
      var method = Method.tang
      method.binarizations = planes
      let configuration = makeConfiguration(network, input: input, classes: classes, method: method)
      var trainer = try Trainer(configuration, stepsPerEpoch: 1)
      try trainer.trainOnNoise(steps: 1, batchSize: 4, on: context)
      let model = try CompactModel(bytes: try trainer.compactModel(), path: network.name)
      let images = randomFloats(input.count, seed: 91)
      let (logits, _) = try CompiledModelTests.graph(trainer, images, count: 1, context: context)
      #expect(try Engine(model, crew: context.crew, batch: 1).logits(images).bits == logits.bits)
      // The test's class names take some of NIN's.
      #expect(ModelReport(model).compression > compression - 0.5, "\(network.name)")
    }
  }
}

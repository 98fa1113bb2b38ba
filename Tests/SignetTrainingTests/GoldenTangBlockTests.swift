// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// One whole step of the paper's block.
///
/// Oracle: `Tests/Golden/tang_block.py`.
@Suite struct GoldenTangBlockTests {
  /// The fixture's network with its parameters before the step.
  struct Block {
    var conv1: BinaryConvolution
    var prelu1: Activation
    var pool1: MaxPool
    var conv2: BinaryConvolution
    var average: AveragePool
    var scale: Scale

    init(_ fixture: GoldenFixture, planes: Int) throws {
      var random = SplitMix64(seed: 0)
      func window(
        _ shape: FeatureShape, _ kernel: Int, stride: Int, padding: Int, _ rounding: Window.Rounding
      )
        throws -> Window
      {
        try #require(
          Window(
            input: shape, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
            rounding: rounding))
      }
      let input = FeatureShape(height: 6, width: 5, channels: 5)
      conv1 = BinaryConvolution(
        name: "conv1", window: try window(input, 3, stride: 1, padding: 1, .down), filters: 7, groups: 1,
        inputChannels: 5, planes: planes, clip: 1, using: &random)
      prelu1 = Activation(name: "prelu1", input: conv1.output, learnsSlope: true)
      pool1 = MaxPool(
        name: "pool1", window: try window(conv1.output, 2, stride: 2, padding: 0, .up), channels: 7)
      conv2 = BinaryConvolution(
        name: "conv2", window: try window(pool1.output, 1, stride: 1, padding: 0, .down), filters: 3,
        groups: 1, inputChannels: 7, planes: planes, clip: 1, using: &random)
      average = AveragePool(name: "average", input: conv2.output)
      scale = Scale(name: "scale", input: average.output, initial: 1)
      try fixture.load("bn1", into: &conv1.norm)
      try fixture.load("conv1.weight", into: conv1.weight)
      try fixture.load("prelu1.slope", into: try #require(prelu1.slope))
      try fixture.load("bn2", into: &conv2.norm)
      try fixture.load("conv2.weight", into: conv2.weight)
      try fixture.load("scale.factor", into: scale.factor)
      if planes > 1 {
        conv1.binarizer.runningBetas = try fixture.floats("before.binarize1.running_beta")
        conv2.binarizer.runningBetas = try fixture.floats("before.binarize2.running_beta")
      }
    }

    var sequential: Sequential {
      Sequential(input: conv1.input, layers: [conv1, prelu1, pool1, conv2, average, scale])
    }
  }

  /// BatchNorm's output and the binarized activations, from what the layer keeps.
  static func expectCodes(
    _ index: Int, of layer: BinaryConvolution, _ saved: BinaryConvolution.Saved, _ fixture: GoldenFixture
  ) throws {
    let channels = layer.input.channels
    let x = saved.x.array
    let z = x.enumerated().map { place, value in
      saved.affine.shift[place % channels].addingProduct(saved.affine.scale[place % channels], value)
    }
    try fixture.expect("activation.bn\(index)", z)
    try fixture.expect("activation.binarize\(index)", decodedCodes(layer, saved))
    guard layer.binarizer.planes > 1 else { return }
    let name = "binarize\(index)"
    #expect(try saved.levels.weights == fixture.archive.int32s("beta.\(name).levels"))
    #expect(try [Int32(saved.levels.exponent)] == fixture.archive.int32s("beta.\(name).exponent"))
    #expect(try saved.levels.betas == fixture.floats("beta.\(name).quantized"))
    try fixture.expect("after.\(name).running_beta", layer.binarizer.runningBetas)
  }

  @Test(arguments: [1, 2])
  func step(planes: Int) throws {
    let fixture = try GoldenFixture("tang_block_m\(planes)")
    let context = try makeContext()
    var block = try Block(fixture, planes: planes)
    var network = block.sequential
    let (x, labels) = (try fixture.input(context), try fixture.labels())

    // Forward, layer by layer.
    let (y1, saved1) = try block.conv1.forward(x, phase: .training, on: context)
    let (a1, savedSlope) = try block.prelu1.forward(y1, phase: .training, on: context)
    let (p1, savedPool) = try block.pool1.forward(a1, phase: .training, on: context)
    let (y2, saved2) = try block.conv2.forward(p1, phase: .training, on: context)
    let (mean, savedMean) = try block.average.forward(y2, phase: .training, on: context)
    let (logits, savedScale) = try block.scale.forward(mean, phase: .training, on: context)
    try Self.expectCodes(1, of: block.conv1, saved1, fixture)
    try Self.expectCodes(2, of: block.conv2, saved2, fixture)
    for (name, tensor) in [
      ("conv1", y1), ("prelu1", a1), ("pool1", p1), ("conv2", y2), ("average", mean), ("logits", logits),
    ] { try fixture.expect("activation.\(name)", tensor) }
    let (loss, gradient, _) = CrossEntropy.evaluate(logits, labels: labels, on: context)
    try fixture.expect("loss.cross_entropy", [Float(loss)])
    let regularizer = Regularizer.bipolar(5e-3)
    try fixture.expect("loss.regularizer", [Float(regularizer.loss(of: &network))])
    try fixture.expect("loss.total", [Float(loss + regularizer.loss(of: &network))])

    // Backward, layer by layer.
    func required(_ tensor: Tensor?) throws -> Tensor { try #require(tensor) }
    let dMean = try required(
      block.scale.backward(gradient, saved: savedScale, wantsInputGradient: true, on: context))
    let dY2 = try required(
      block.average.backward(dMean, saved: savedMean, wantsInputGradient: true, on: context))
    let dP1 = try required(block.conv2.backward(dY2, saved: saved2, wantsInputGradient: true, on: context))
    let dA1 = try required(block.pool1.backward(dP1, saved: savedPool, wantsInputGradient: true, on: context))
    let dY1 = try required(
      block.prelu1.backward(dA1, saved: savedSlope, wantsInputGradient: true, on: context))
    let dX = try required(block.conv1.backward(dY1, saved: saved1, wantsInputGradient: true, on: context))
    for (name, tensor) in [
      ("activation.logits", gradient), ("activation.average", dMean), ("activation.conv2", dY2),
      ("activation.pool1", dP1), ("activation.prelu1", dA1), ("activation.conv1", dY1), ("input", dX),
    ] { try fixture.expect("gradient.\(name)", tensor) }
    try fixture.expect("gradient.cross_entropy.conv1.weight", block.conv1.weight.gradient.array)
    try fixture.expect("gradient.cross_entropy.conv2.weight", block.conv2.weight.gradient.array)
    let parameters = [
      ("bn1.scale", block.conv1.norm.scale), ("bn1.shift", block.conv1.norm.shift),
      ("conv1.weight", block.conv1.weight), ("prelu1.slope", try #require(block.prelu1.slope)),
      ("bn2.scale", block.conv2.norm.scale), ("bn2.shift", block.conv2.norm.shift),
      ("conv2.weight", block.conv2.weight), ("scale.factor", block.scale.factor),
    ]
    for (name, parameter) in parameters {
      try fixture.expectGradient(of: name, parameter, plus: name.hasSuffix("weight") ? -2 * 5e-3 : 0)
    }
    try fixture.expectStatistics("bn1", block.conv1.norm)
    try fixture.expectStatistics("bn2", block.conv2.norm)

    // The same through the whole network, and Adam; parameters are shared, gradients are overwritten.
    let stepwise = parameters.map { $0.1.gradient.array }
    let (again, tape) = try network.forward(x, phase: .training, on: context)
    #expect(again.array == logits.array)
    let dInput = try required(network.backward(gradient, tape: tape, wantsInputGradient: true, on: context))
    #expect(dInput.array == dX.array)
    #expect(parameters.map { $0.1.gradient.array } == stepwise)
    var adam = Adam()
    let changes = try adam.update(&network, learningRate: 1e-3, regularizer: regularizer, on: context)
    for (name, parameter) in parameters { try fixture.expectUpdated(name, parameter) }
    for (index, change) in changes.enumerated() {
      #expect(change.layer == "conv\(index + 1)")
      #expect(
        try [Int32(change.changed)] == fixture.archive.int32s("sign_changes.\(change.layer).weight"))
    }
    #expect(changes.count == 2)
  }
}

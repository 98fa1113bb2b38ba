// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// One whole step of a full-precision block.
///
/// Oracle: `Tests/Golden/float_block.py`.
@Suite struct GoldenFloatBlockTests {
  @Test func step() throws {
    let fixture = try GoldenFixture("float_block")
    let context = try makeContext()
    let input = FeatureShape(height: 8, width: 7, channels: 4)
    let window = try #require(
      Window(input: input, kernel: (5, 5), stride: (2, 2), padding: (2, 2), rounding: .down))
    var random = SplitMix64(seed: 0)
    var norm = BatchNorm(name: "bn1", input: input)
    var conv = Convolution(
      name: "conv1", window: window, filters: 6, groups: 2, inputChannels: 4, using: &random)
    var relu = Activation(name: "relu1", input: conv.output, learnsSlope: false)
    var average = AveragePool(name: "average", input: conv.output)
    try fixture.load("bn1", into: &norm.norm)
    try fixture.load("conv1.weight", into: conv.weight)
    try fixture.load("conv1.bias", into: conv.bias)
    let (x, labels) = (try fixture.input(context), try fixture.labels())

    let (z, savedNorm) = try norm.forward(x, phase: .training, on: context)
    let (y, savedConv) = try conv.forward(z, phase: .training, on: context)
    let (a, savedRelu) = try relu.forward(y, phase: .training, on: context)
    let (logits, savedMean) = try average.forward(a, phase: .training, on: context)
    for (name, tensor) in [("bn1", z), ("conv1", y), ("relu1", a), ("logits", logits)] {
      try fixture.expect("activation.\(name)", tensor)
    }
    let (loss, gradient, _) = CrossEntropy.evaluate(logits, labels: labels, on: context)
    try fixture.expect("loss.cross_entropy", [Float(loss)])

    func required(_ tensor: Tensor?) throws -> Tensor { try #require(tensor) }
    let dA = try required(
      average.backward(gradient, saved: savedMean, wantsInputGradient: true, on: context))
    let dY = try required(relu.backward(dA, saved: savedRelu, wantsInputGradient: true, on: context))
    let dZ = try required(conv.backward(dY, saved: savedConv, wantsInputGradient: true, on: context))
    let dX = try required(norm.backward(dZ, saved: savedNorm, wantsInputGradient: true, on: context))
    for (name, tensor) in [
      ("activation.logits", gradient), ("activation.relu1", dA), ("activation.conv1", dY),
      ("activation.bn1", dZ), ("input", dX),
    ] { try fixture.expect("gradient.\(name)", tensor) }
    let parameters = [
      ("bn1.scale", norm.norm.scale), ("bn1.shift", norm.norm.shift), ("conv1.weight", conv.weight),
      ("conv1.bias", conv.bias),
    ]
    for (name, parameter) in parameters { try fixture.expectGradient(of: name, parameter) }
    try fixture.expectStatistics("bn1", norm.norm)

    var network = Sequential(input: input, layers: [norm, conv, relu, average])
    var adam = Adam()
    let changes = try adam.update(&network, learningRate: 1e-3, regularizer: .none, on: context)
    for (name, parameter) in parameters { try fixture.expectUpdated(name, parameter) }
    #expect(changes.map(\.layer) == ["conv1"], "only weights are counted")
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// One training step by each of the baseline methods.
///
/// Oracle: `Tests/Golden/method_networks.py`, the methods' formulas with PyTorch's autograd in double precision.
@Suite struct GoldenMethodTests {
  static let network = NetworkDescription(
    name: "n",
    layers: [
      .convolution("a", 6, kernel: 3), .convolution("b", 7, kernel: 3, padding: 1), .maxPool(2, stride: 2),
      .convolution("c", nil, kernel: 1), .averagePool,
    ])
  static let input = FeatureShape(height: 6, width: 5, channels: 3)

  static func method(_ fixture: String) throws -> Method {
    let parts = fixture.split(separator: "_")
    var method = try Method.named(String(parts[0]))
    if parts.count > 1 { method.activationBits = Int(parts[1].dropFirst()) }
    return method
  }

  @Test(
    arguments: [
      "binaryconnect", "bnn", "bwn", "xnor", "dorefa_k1", "dorefa_k2", "dorefa_k3",
    ])
  func step(name: String) throws {
    let fixture = try GoldenFixture("network_\(name)")
    let context = try makeContext()
    let method = try Self.method(name)
    var network = try makeConfiguration(Self.network, input: Self.input, classes: 3, method: method)
      .initialNetwork()
    var parameters: [(name: String, value: Parameter)] = []
    try network.forEachParameter { name, parameter in
      try fixture.load(name, into: parameter)
      parameters.append((name, parameter))
    }
    try network.forEachStatistic { name, values in values = try fixture.floats("before.\(name)") }
    let stored = Set(
      fixture.archive.tensors.keys.filter { $0.hasPrefix("gradient.") && $0 != "gradient.input" })
    #expect(stored == Set(parameters.map { "gradient.\($0.name)" }), "the parameters are the method's")

    let (x, labels) = (try fixture.input(context), try fixture.labels())
    var seen = 0
    let (logits, tape) = try network.forward(x, phase: .training, on: context) { layer, _, output in
      let activation = "activation.\(layer.name)"
      guard fixture.archive.tensors[activation] != nil else { return }
      try fixture.expect(activation, output)
      seen += 1
    }
    #expect(seen >= 5)
    try fixture.expect("activation.logits", logits)
    let (loss, gradient, _) = CrossEntropy.evaluate(logits, labels: labels, on: context)
    try fixture.expect("loss", [Float(loss)])
    let dx = try network.backward(gradient, tape: tape, wantsInputGradient: true, on: context)
    try fixture.expect("gradient.input", try #require(dx))
    // A bias right before BatchNorm has no gradient but rounding errors, which Adam's first step takes for real.
    let hasNoGradient = method.order == .convolutionFirst ? "a.bias" : ""
    for (name, parameter) in parameters {
      if name == hasNoGradient {
        #expect(parameter.gradient.array.allSatisfy { abs($0) < 1e-6 })
      } else {
        try fixture.expectGradient(of: name, parameter)
      }
    }
    try network.forEachStatistic { name, values in try fixture.expect("after.\(name)", values) }

    var adam = Adam()
    _ = try adam.update(&network, learningRate: 1e-3, regularizer: .none, on: context)
    for (name, parameter) in parameters where name != hasNoGradient {
      try fixture.expectUpdated(name, parameter)
    }
  }
}

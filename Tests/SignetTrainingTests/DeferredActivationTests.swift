// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// An activation function that the normalisation behind it applies.
///
/// Oracle: the same layers with the function applied where it stands: the same bits forward, and the same gradients up to
/// the order in which a pool's overlapping windows and the slope are added and multiplied.
@Suite struct DeferredActivationTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var planes = 1
    /// Whether the values before the function are those of a binary convolution.
    var isBinary = true
    var hasPool = true
    var learnsSlope = true
    var images = 5
    var testDescription: String {
      "M = \(planes), \(isBinary ? "binary" : "real"), \(hasPool ? "pool" : "no pool"), \(learnsSlope ? "PReLU" : "ReLU"), \(images) images"
    }

    func network(isDeferred: Bool) throws -> Sequential {
      var random = SplitMix64(seed: 81)
      let input = FeatureShape(height: 9, width: 8, channels: 6)
      func window(_ input: FeatureShape, kernel: Int, stride: Int, padding: Int) throws -> Window {
        try #require(
          Window(
            input: input, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
            rounding: kernel == 3 && stride == 2 ? .up : .down))
      }
      let first = try window(input, kernel: 3, stride: 1, padding: 1)
      var layers: [any Layer] =
        isBinary
        ? [
          BinaryConvolution(
            name: "first", window: first, filters: 19, groups: 1, inputChannels: 6, planes: planes, clip: 1,
            using: &random)
        ]
        : [
          Convolution(
            name: "first", window: first, filters: 19, groups: 1, inputChannels: 6,
            using: &random)
        ]
      var shape = FeatureShape(height: 9, width: 8, channels: 19)
      let activation = Activation(name: "act", input: shape, learnsSlope: learnsSlope, isDeferred: isDeferred)
      // Slopes of both signs: with a negative one, the greatest value may be that of the most negative sum.
      activation.slope?.value.assign(randomFloats(19, seed: 82, low: -0.8, high: 0.8))
      layers.append(activation)
      if hasPool {
        let pool = MaxPool(
          name: "pool", window: try window(shape, kernel: 3, stride: 2, padding: 0), channels: 19)
        layers.append(pool)
        shape = pool.output
      }
      layers.append(
        BinaryConvolution(
          name: "last", window: try window(shape, kernel: 3, stride: 1, padding: 1), filters: 7, groups: 1,
          inputChannels: 19, planes: planes, clip: 1, using: &random))
      return Sequential(input: input, layers: layers)
    }
  }

  static let cases = [
    Case(), Case(planes: 2), Case(isBinary: false), Case(planes: 3, hasPool: false),
    Case(learnsSlope: false), Case(planes: 2, isBinary: false, learnsSlope: false),
    // More rows than a chunk, in a batch that fills none.
    Case(hasPool: false, images: 31), Case(planes: 2, images: 31),
  ]

  @Test(arguments: cases)
  func sameAsAppliedAtOnce(_ test: Case) throws {
    let context = try makeContext()
    struct Result {
      var outputs: [[Float]] = []
      var gradients: [String: [Float]] = [:]
      var isPending: [Bool] = []
    }
    func run(isDeferred: Bool) throws -> Result {
      var (network, result) = (try test.network(isDeferred: isDeferred), Result())
      let x = context.random(test.images, network.input, seed: 83, low: -2, high: 2)
      let (y, tape) = try network.forward(x, phase: .training, on: context) { _, _, output in
        result.outputs.append(output.array)
        result.isPending.append(output.slopes != nil)
      }
      let shape = try #require(network.layers.last).output
      let r = context.random(test.images, shape, seed: 84)
      let dx = try network.backward(r, tape: tape, wantsInputGradient: true, on: context)
      result.outputs.append(y.array)
      network.forEachParameter { name, parameter in
        result.gradients[name] = parameter.gradient.array
      }
      result.gradients["input"] = try #require(dx).array
      return result
    }
    let (eager, deferred) = (try run(isDeferred: false), try run(isDeferred: true))
    #expect(!eager.isPending.contains(true))
    // The function itself and the pool pass it on, the layer that normalises doesn't.
    #expect(deferred.isPending == (test.hasPool ? [false, true, true, false] : [false, true, false]))
    for (index, (found, expected)) in zip(deferred.outputs, eager.outputs).enumerated() {
      #expect(found.bits == expected.bits, "result of layer \(index)")
    }
    #expect(Set(deferred.gradients.keys) == Set(eager.gradients.keys))
    #expect(deferred.gradients.keys.contains("act.slope") == test.learnsSlope)
    for (name, expected) in eager.gradients {
      #expect(expected.contains { $0 != 0 } && expected.allSatisfy(\.isFinite), "\(name)")
      expectClose(
        (deferred.gradients[name] ?? []).doubles, expected.doubles, tolerance: 1e-5, "gradient of \(name)")
    }
  }

  /// In evaluation nothing is left pending, and the function is the same.
  @Test func evaluationAppliesIt() throws {
    let context = try makeContext()
    var outputs: [[UInt32]] = []
    for isDeferred in [false, true] {
      var network = try Case(planes: 2).network(isDeferred: isDeferred)
      let x = context.random(3, network.input, seed: 85)
      let (y, _) = try network.forward(x, phase: .evaluation, on: context) { _, _, output in
        #expect(output.slopes == nil)
      }
      outputs.append(y.array.bits)
    }
    #expect(outputs[0] == outputs[1])
  }
}

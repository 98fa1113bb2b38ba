// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// What `signet verify` accepts and what it must not.
///
/// Oracle: the same network is exact; another network's engine is not.
@Suite struct VerificationTests {
  private static let network = NetworkDescription(
    name: "n",
    layers: [
      .convolution("a", 8, kernel: 3), .convolution("b", 9, kernel: 3, padding: 1),
      .convolution("c", nil, kernel: 1),
      .averagePool,
    ])

  private func verification(
    _ network: NetworkDescription = network, method base: Method? = nil,
    firstLayer: Method.FirstLayer? = nil,
    changing change: (inout Sequential) -> Void
  ) throws -> Verification {
    let input = FeatureShape(height: 7, width: 6, channels: 1)
    let context = try makeContext()
    var method = base ?? .tang
    if base == nil { method.binarizations = 2 }
    method.firstLayer = firstLayer
    var trainer = try Trainer(
      makeConfiguration(network, input: input, classes: 3, method: method), stepsPerEpoch: 3)
    try trainer.trainOnNoise(steps: 2, batchSize: 8, on: context)
    let model = try CompactModel(bytes: try trainer.compactModel(), path: "n")
    let engine = try Engine(model, crew: context.crew, batch: 3)
    var network = trainer.network
    change(&network)
    var verification = Verification(network: network, engine: engine, context: context)
    let images = AlignedBuffer(randomFloats(10 * input.count, seed: 5))
    try verification.add(images.pointer, images: 10)
    return verification
  }

  @Test func theSameNetworkIsExact() throws {
    let verification = try verification { _ in }
    #expect(verification.isExact)
    #expect(verification.isAcceptable)
    #expect(verification.rows.map(\.activations) == [10 * 20 * 8 * 2, 10 * 20 * 9 * 2])
    #expect(verification.rows.map(\.accumulators) == [10 * 20 * 9, 10 * 20 * 3])
  }

  /// A first layer on bytes, with a pool right behind it as in AlexNet.
  @Test func aFirstLayerOfBytesIsExact() throws {
    var network = Self.network
    network.layers.insert(.maxPool(2, stride: 1), at: 1)
    for description in [Self.network, network] {
      let verification = try verification(description, firstLayer: .int8) { _ in }
      #expect(verification.isExact)
      #expect(verification.rows.allSatisfy { $0.activations > 0 && $0.accumulators > 0 })
    }
  }

  /// Every method; those with real activations have no layers of bits to compare, but the same logits.
  @Test(arguments: Method.all, Method.FirstLayer.allCases)
  func everyMethodIsExact(method: Method, firstLayer: Method.FirstLayer) throws {
    let verification = try verification(
      method: method, firstLayer: firstLayer == .int8 ? .int8 : nil
    ) { _ in }
    #expect(verification.isExact)
    let layers = method.binarizesActivations ? method.lastLayer == .binary ? ["b", "c"] : ["b"] : []
    #expect(verification.rows.map(\.layer) == layers)
    #expect(verification.rows.allSatisfy { $0.activations > 0 && $0.accumulators > 0 })
  }

  /// Other magnitudes of the weights are found in the accumulators of layers whose sums are compared.
  @Test(arguments: [Method.xnor, .dorefa])
  func otherMagnitudesAreRefused(method: Method) throws {
    let verification = try verification(method: method) { network in
      network.forEachParameter { name, parameter in
        if name == "b.weight" { parameter.value.assign(parameter.value.array.map { $0 * 1.5 }) }
      }
    }
    #expect(!verification.isExact)
    #expect(!verification.isAcceptable)
  }

  /// The shift of BatchNorm moves thresholds: bits differ that are no ties.
  @Test func movedThresholdsAreRefused() throws {
    let verification = try verification { network in
      network.forEachParameter { name, parameter in
        guard name == "b.norm.shift" else { return }
        let moved = parameter
        moved.value.assign(parameter.value.array.map { $0 + 0.05 })
      }
    }
    #expect(!verification.isExact)
    #expect(!verification.isAcceptable)
    #expect(verification.rows[0].differentActivations > verification.rows[0].ties)
  }

  /// Other logits behind equal bits are no tie.
  @Test func anotherScaleIsRefused() throws {
    let verification = try verification { network in
      network.forEachParameter { name, parameter in
        if name == "scale.factor" { parameter.value.assign([0.5]) }
      }
    }
    #expect(verification.rows.allSatisfy { $0.differentActivations == 0 && $0.differentAccumulators == 0 })
    #expect(!verification.isAcceptable)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: the place where a bad number was put in.
@Suite struct NotFiniteTests {
  static func trainer(_ variant: MethodVariant, learningRate: Float = 1e-3) throws -> Trainer {
    var method = variant.method
    method.learningRate = learningRate
    return try Trainer(
      makeConfiguration(
        LearningTests.network, input: Stripes.shape, classes: 3, method: method), stepsPerEpoch: 10)
  }

  @Test(
    arguments: [
      MethodVariant.tang1, .tang2, .lastFull, .noScale, .fullPrecision, .binaryConnect, .bnn, .bwn, .xnor,
      .dorefa2,
    ],
    [Float.nan, .infinity, -.infinity])
  func badInput(variant: MethodVariant, value: Float) throws {
    let context = try makeContext()
    var trainer = try Self.trainer(variant)
    var stripes = Stripes(count: 16, seed: 81)
    for _ in 0..<2 { try trainer.train(stripes.inputs, stripes.labels, on: context) }
    stripes.inputs[300] = value
    let error = #expect(throws: TrainingError.self) {
      try trainer.train(stripes.inputs, stripes.labels, on: context)
    }
    #expect(error?.code == .notFinite)
    #expect(error?.description.contains("“conv1”") == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("step 3") == true, "\(error?.description ?? "")")
  }

  /// A number that goes bad inside the network is found in the layer that makes it.
  @Test(arguments: ["conv1.bias": "conv1", "conv2_prelu.slope": "conv2_prelu", "scale.factor": "scale"])
  func badParameter(parameter: String, layer: String) throws {
    let context = try makeContext()
    var trainer = try Self.trainer(.tang1)
    trainer.network.forEachParameter { name, value in
      if name == parameter { value.value.pointer[0] = .nan }
    }
    let stripes = Stripes(count: 16, seed: 82)
    let error = #expect(throws: TrainingError.self) {
      try trainer.train(stripes.inputs, stripes.labels, on: context)
    }
    #expect(error?.code == .notFinite)
    #expect(error?.description.contains("“\(layer)”") == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("step 1") == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [MethodVariant.tang1, .tang3, .lastFull, .noScale, .fullPrecision], [Float(1e30), 3e38])
  func learningRateTooHigh(variant: MethodVariant, rate: Float) throws {
    let context = try makeContext()
    var trainer = try Self.trainer(variant, learningRate: rate)
    let stripes = Stripes(count: 16, seed: 83)
    var message: String?
    for step in 1...10 {
      do {
        try trainer.train(stripes.inputs, stripes.labels, on: context)
      } catch let error as TrainingError {
        #expect(error.code == .notFinite)
        #expect(error.description.contains("step \(step);"), "\(error.description)")
        message = error.description
        break
      }
    }
    let layers = trainer.network.layers.map(\.name)
    #expect(
      layers.contains { message?.contains("“\($0)") == true }, "no layer is named in \(message ?? "no error")"
    )
  }

  @Test func badBatch() throws {
    let context = try makeContext()
    var trainer = try Self.trainer(.tang1)
    let stripes = Stripes(count: 4, seed: 84)
    let before = try Checkpoint(trainer).encoded()
    for (inputs, labels) in [
      (stripes.inputs, [0, 1, 2, 3]), (stripes.inputs, [0, -1, 2, 1]), (stripes.inputs, [0, 1, 2]),
      (Array(stripes.inputs.dropLast()), [0, 1, 2, 0]), (stripes.inputs, []), ([], []),
    ] as [([Float], [Int32])] {
      let error = #expect(throws: TrainingError.self) { try trainer.train(inputs, labels, on: context) }
      #expect(error?.code == .badRun)
    }
    #expect(try Checkpoint(trainer).encoded() == before)
  }
}

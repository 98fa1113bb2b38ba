// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: the place where a bad number was put in.
@Suite struct NotFiniteTests {
  static func trainer(
    _ variant: MethodVariant, learningRate: Float = 1e-3, gradientBits: Int? = nil
  ) throws -> Trainer {
    var method = variant.method
    (method.learningRate, method.gradientBits) = (learningRate, gradientBits ?? method.gradientBits)
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

  /// A bad number in the gradient that arrives at a layer, real or binary, after two good steps.
  @Test(arguments: Precision.allCases, [MethodVariant.tang1, .tang2])
  func badGradient(precision: Precision, variant: MethodVariant) throws {
    for (layer, value) in ["conv1", "conv2", "conv3"].flatMap({ layer in
      [Float.nan, .infinity, -.infinity].map { (layer, $0) }
    }) {
      let context = try makeContext(precision: precision)
      var trainer = try Self.trainer(variant)
      let stripes = Stripes(count: 16, seed: 86)
      for _ in 0..<2 { try trainer.train(stripes.inputs, stripes.labels, on: context) }
      let index = try #require(trainer.network.layers.firstIndex { $0.name == layer })
      let output = trainer.network.layers[index].output
      trainer.network.layers.insert(PoisonedGradient(output: output, value: value), at: index + 1)
      let error = #expect(throws: TrainingError.self, "\(value)") {
        try trainer.train(stripes.inputs, stripes.labels, on: context)
      }
      let message = error?.description ?? ""
      #expect(error?.code == .notFinite)
      #expect(message.contains("layer “\(layer)” got a gradient"), "\(value): \(message)")
      #expect(message.contains("step 3"), "\(value): \(message)")
    }
  }

  /// The other methods' ways of passing a gradient on: magnitudes, quantised gradients, real activations.
  @Test(
    arguments: Precision.allCases,
    [MethodVariant.bwn, .binaryConnect, .bnn, .xnor, .xnorPlanes, .dorefa2, .fullPrecision, .lastFull])
  func badGradientOfOtherMethods(precision: Precision, variant: MethodVariant) throws {
    for gradientBits in variant.method.activationBits == nil ? [nil] : [nil, 4] {
      for value in [Float.nan, .infinity] {
        let context = try makeContext(precision: precision)
        var trainer = try Self.trainer(variant, gradientBits: gradientBits)
        let stripes = Stripes(count: 16, seed: 87)
        let index = try #require(trainer.network.layers.firstIndex { $0.name == "conv2" })
        let output = trainer.network.layers[index].output
        trainer.network.layers.insert(PoisonedGradient(output: output, value: value), at: index + 1)
        let error = #expect(throws: TrainingError.self, "\(value)") {
          try trainer.train(stripes.inputs, stripes.labels, on: context)
        }
        let message = error?.description ?? ""
        #expect(error?.code == .notFinite)
        #expect(message.contains("layer “conv2” got a gradient"), "\(value): \(message)")
        #expect(message.contains("step 1"), "\(value): \(message)")
      }
    }
  }

  /// Every gradient is a number, but its square is none: no weight may stay where it is for good.
  @Test(arguments: Precision.allCases, [MethodVariant.tang1, .tang2])
  func gradientTooLargeToSquare(precision: Precision, variant: MethodVariant) throws {
    let context = try makeContext(precision: precision)
    var trainer = try Self.trainer(variant)
    trainer.network.forEachParameter { name, value in
      if name == "scale.factor" { value.value.pointer[0] = 1e26 }
    }
    let stripes = Stripes(count: 16, seed: 88)
    let error = #expect(throws: TrainingError.self) {
      try trainer.train(stripes.inputs, stripes.labels, on: context)
    }
    #expect(error?.code == .notFinite)
    #expect(error?.description.contains("parameter “conv") == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("step 1") == true, "\(error?.description ?? "")")
    trainer.network.forEachParameter { name, parameter in
      let isFinite = parameter.gradient.elements.allSatisfy(\.isFinite)
      #expect(isFinite, "\(name)")
    }
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

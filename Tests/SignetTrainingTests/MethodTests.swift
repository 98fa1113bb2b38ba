// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Testing

/// Oracle: the paper's settings, and the list of what an option may be.
@Suite struct MethodTests {
  @Test func tangIsThePapers() throws {
    let tang = try Method.named("tang").validated()
    #expect(tang.isBinary && tang.binarizations == 1)
    #expect(tang.activation == .prelu && tang.lastLayer == .binary && tang.scaleLayer)
    #expect(tang.regularizer == .bipolar(5e-7))
    #expect(tang.clip == 1 && tang.learningRate == 1e-4 && tang.schedule == .plateau)
    let full = try Method.named("full-precision").validated()
    #expect(!full.isBinary)
  }

  @Test func unknownName() {
    let error = #expect(throws: TrainingError.self) { try Method.named("tnag") }
    #expect(error?.code == .badOption)
    #expect(error?.description.contains("“tnag”") == true)
    #expect(
      error?.description.contains(
        "tang, full-precision, binaryconnect, bnn, bwn, xnor, dorefa") == true)
  }

  @Test(
    arguments: [
      { (method: inout Method) in method.binarizations = 5 }, { $0.binarizations = -1 },
      { $0.learningRate = 0 }, { $0.learningRate = -1e-3 }, { $0.learningRate = .nan },
      { $0.learningRate = .infinity }, { $0.clip = 0 }, { $0.clip = -1 }, { $0.clip = .nan },
      { $0.clip = .infinity }, { $0.activationBits = 2 }, { $0.gradientBits = 0 }, { $0.gradientBits = 9 },
      { $0.clip = nil }, { $0.weights = .real }, { $0.order = .convolutionFirst },
      { ($0.order, $0.activation) = (.convolutionFirst, .none) },
      { ($0.binarizations, $0.activationBits) = (0, 5) }, { ($0.binarizations, $0.activationBits) = (0, 0) },
      { ($0.binarizations, $0.activation) = (0, .none) }, { ($0.binarizations, $0.gradientBits) = (0, 4) },
      {
        $0 = .dorefa
        $0.binarizations = 2
      },
      {
        $0 = .dorefa
        $0.activation = .relu
      },
      {
        $0 = .dorefa
        $0.regularizer = .bipolar(5e-7)
      },
      {
        $0 = .bnn
        $0.scaleLayer = true
      },
      {
        $0 = .binaryConnect
        $0.gradientBits = 4
      },
      {
        $0 = .bwn
        $0.activation = .none
      },
    ] as [@Sendable (inout Method) -> Void])
  func badOption(change: @Sendable (inout Method) -> Void) throws {
    var method = Method.tang
    change(&method)
    let error = #expect(throws: TrainingError.self) { try method.validated() }
    #expect(error?.code == .badOption)
    let configuration = makeConfiguration(
      .mlp, input: FeatureShape(height: 4, width: 4, channels: 1), classes: 2, method: method)
    #expect(throws: TrainingError.self) { try Trainer(configuration, stepsPerEpoch: 1) }
  }

  @Test func everyMethodFitsTogether() throws {
    for method in Method.all {
      #expect(try Method.named(method.name).validated() == method)
      #expect(method.isBinary == (method.name != "full-precision"))
    }
    #expect(Set(Method.all.map(\.name)).count == Method.all.count)
    #expect(Method.all.filter(\.binarizesActivations).map(\.name) == ["tang", "bnn", "xnor", "dorefa"])
  }

  /// What was written before methods had weights and an order of their own.
  @Test func configurationsFromBefore() throws {
    func method(_ text: String) throws -> Method {
      try JSONDecoder().decode(Method.self, from: Data(text.utf8)).validated()
    }
    var expected = Method.tang
    expected.binarizations = 2
    #expect(
      try method(
        #"{"activation":"prelu","binarizations":2,"clip":1,"lastLayer":"binary","learningRate":0.0001,"name":"tang","regularizer":"bipolar:5e-07","scaleLayer":true,"schedule":"plateau"}"#
      ) == expected)
    expected.firstLayer = .int8
    #expect(
      try method(
        #"{"activation":"prelu","binarizations":2,"clip":1,"firstLayer":"int8","lastLayer":"binary","learningRate":0.0001,"name":"tang","regularizer":"bipolar:5e-07","scaleLayer":true,"schedule":"plateau"}"#
      ) == expected)
    #expect(
      try method(
        #"{"activation":"prelu","binarizations":0,"clip":1,"lastLayer":"full","learningRate":0.001,"name":"full-precision","regularizer":"none","scaleLayer":false,"schedule":"plateau"}"#
      ) == .fullPrecision)
  }

  @Test(arguments: Method.all) func writtenAndReadAgain(method: Method) throws {
    var method = method
    if method.binarizesActivations { method.gradientBits = 6 }
    let bytes = try JSONEncoder().encode(method)
    #expect(try JSONDecoder().decode(Method.self, from: bytes) == method)
  }

  @Test(
    arguments: [
      { (run: inout RunConfiguration) in run.batchSize = 0 }, { $0.epochs = -1 }, { $0.epochs = .max },
      { $0.validation = -1 }, { $0.preprocessing.mean = [] }, { $0.preprocessing.deviation = [0] },
      { $0.preprocessing.height = 0 }, { $0.preprocessing.width = 1 << 20 },
      { $0.preprocessing.mean = [.nan] },
    ] as [@Sendable (inout RunConfiguration) -> Void])
  func badRun(change: @Sendable (inout RunConfiguration) -> Void) throws {
    var configuration = makeConfiguration(
      .mlp, input: FeatureShape(height: 4, width: 4, channels: 1), classes: 2)
    change(&configuration)
    let error = #expect(throws: TrainingError.self) { try Trainer(configuration, stepsPerEpoch: .max) }
    #expect(error?.code == .badOption)
  }

  /// Sums beyond 2²⁴ would not be exact as floats.
  @Test func sumsThatAreNotExact() throws {
    let network = NetworkDescription(
      name: "deep", layers: [.convolution("a", 40, kernel: 1), .dense("b", 2), .dense("c", nil)])
    var method = Method.tang
    method.binarizations = 2
    let configuration = makeConfiguration(
      network, input: FeatureShape(height: 32, width: 32, channels: 1), classes: 2, method: method)
    let error = #expect(throws: TrainingError.self) { try configuration.initialNetwork() }
    #expect(error?.code == .badOption)
    #expect(error?.description.contains("“b”") == true)
  }

  /// What each method makes of the same network.
  @Test func layersOfEachMethod() throws {
    let network = NetworkDescription(
      name: "n",
      layers: [
        .convolution("a", 4, kernel: 3), .maxPool(2, stride: 2), .convolution("b", 6, kernel: 1),
        .dense("c", nil),
      ])
    func names(_ change: (inout Method) -> Void) throws -> [String] {
      var method = Method.tang
      change(&method)
      let configuration = makeConfiguration(
        network, input: FeatureShape(height: 6, width: 6, channels: 1), classes: 2, method: method)
      return try configuration.initialNetwork().layers.map { "\(type(of: $0)) \($0.name)" }
    }
    let body = [
      "Convolution a", "Activation a_prelu", "MaxPool max_pool2", "BinaryConvolution b", "Activation b_prelu",
    ]
    #expect(try names { _ in } == body + ["BinaryConvolution c", "Scale scale"])
    #expect(try names { $0.scaleLayer = false } == body + ["BinaryConvolution c"])
    #expect(try names { $0.lastLayer = .full } == body + ["BatchNorm c_norm", "Convolution c"])
    #expect(
      try names { $0 = .fullPrecision } == [
        "Convolution a", "Activation a_prelu", "MaxPool max_pool2", "BatchNorm b_norm", "Convolution b",
        "Activation b_prelu", "BatchNorm c_norm", "Convolution c",
      ])
    #expect(try names { $0.activation = .relu }[1] == "Activation a_relu")
    #expect(
      try names { $0 = .binaryConnect } == [
        "Convolution a", "MaxPool max_pool2", "BatchNorm b_norm", "Activation b_relu",
        "BinaryWeightConvolution b", "BatchNorm c_norm", "Activation c_relu", "BinaryWeightConvolution c",
        "BatchNorm c_output_norm",
      ])
    #expect(
      try names { $0 = .bnn } == [
        "Convolution a", "MaxPool max_pool2", "BinaryConvolution b", "BinaryConvolution c",
        "BatchNorm c_output_norm",
      ])
    #expect(
      try names { $0 = .bwn } == [
        "Convolution a", "MaxPool max_pool2", "BatchNorm b_norm", "Activation b_relu",
        "BinaryWeightConvolution b", "BatchNorm c_norm", "Activation c_relu", "Convolution c",
      ])
    #expect(
      try names { $0 = .xnor } == [
        "Convolution a", "Activation a_relu", "MaxPool max_pool2", "BinaryConvolution b",
        "Activation b_relu", "BatchNorm c_norm", "Convolution c",
      ])
    #expect(
      try names { $0 = .dorefa } == [
        "Convolution a", "MaxPool max_pool2", "BinaryConvolution b", "BatchNorm c_norm", "Activation c_relu",
        "Convolution c",
      ])
  }

  /// k-bit numbers are counted doubled: 2·15·depth must stay below 2²⁴.
  @Test func sumsOfBitsThatAreNotExact() throws {
    let network = NetworkDescription(
      name: "deep", layers: [.convolution("a", 600, kernel: 1), .dense("b", 2), .dense("c", nil)])
    var method = Method.dorefa
    method.activationBits = 4
    let input = FeatureShape(height: 32, width: 32, channels: 1)
    let configuration = makeConfiguration(network, input: input, classes: 2, method: method)
    let error = #expect(throws: TrainingError.self) { try configuration.initialNetwork() }
    #expect(error?.code == .badOption)
    #expect(error?.description.contains("“b”") == true)
    #expect(error?.description.contains("activation bits") == true)
  }

  /// A layer named as another one's normalisation is called: all parameters still have names of their own.
  @Test func parameterNamesDiffer() throws {
    let network = NetworkDescription(
      name: "n",
      layers: [
        .convolution("scale", 4, kernel: 3), .convolution("c_norm", 4, kernel: 1),
        .convolution("scale_prelu", 4, kernel: 1), .dense("c", nil),
      ])
    var methods = Method.all
    for lastLayer in Method.LastLayer.allCases {
      var method = Method.tang
      (method.lastLayer, method.binarizations) = (lastLayer, 2)
      methods.append(method)
    }
    for method in methods {
      var trainer = try Trainer(
        makeConfiguration(
          network, input: FeatureShape(height: 5, width: 5, channels: 1), classes: 2, method: method),
        stepsPerEpoch: 1)
      var names: [String] = []
      trainer.network.forEachParameter { name, _ in names.append(name) }
      trainer.network.forEachStatistic { name, _ in names.append(name) }
      #expect(Set(names).count == names.count)
      let bytes = try Checkpoint(trainer).encoded()
      #expect(try Checkpoint(Checkpoint(bytes: bytes, path: "c").trainer).encoded() == bytes)
      _ = try CompactModel(bytes: trainer.compactModel(), path: "m")
    }
  }
}

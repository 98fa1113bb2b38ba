// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetTraining

extension Method.Activation: ExpressibleByArgument {}
extension Method.LastLayer: ExpressibleByArgument {}
extension Method.FirstLayer: ExpressibleByArgument {}
extension ScheduleKind: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension Regularizer: ExpressibleByArgument {
  package init?(argument: String) {
    guard let regularizer = try? Regularizer(parsing: argument) else { return nil }
    self = regularizer
  }
}

/// A switch that is spelled out.
enum Toggle: String, CaseIterable, ExpressibleByArgument {
  case on, off
}

/// Which method, and in what it departs from its paper.
struct MethodOptions: ParsableArguments {
  @Option(
    help: "One of: \(Method.all.map(\.name).joined(separator: ", ")); \(Method.tang.name) if not given.")
  var method: String?

  @Option(
    parsing: .unconditional,
    help:
      "Planes of activations that are signs (M), 1 to 4; \(Method.tang.binarizations) if not given. With \(Self.names { $0.binarizations > 0 })."
  )
  var binarizations: Int?

  @Option(
    parsing: .unconditional,
    help:
      "Bits of activations that are numbers from 0 to 1, 1 to 4; \(Method.dorefa.activationBits ?? 0) if not given. With \(Self.names { $0.activationBits != nil })."
  )
  var activationBits: Int?

  @Option(
    parsing: .unconditional,
    help:
      "Round the gradients of layers with binarized activations to this many bits, 1 to 8, with noise; not rounded so if not given. With \(Self.names(where: \.binarizesActivations))."
  )
  var gradientBits: Int?

  @Option(
    help:
      "The function that goes with a convolution: \(Method.Activation.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var activation: Method.Activation?

  @Option(
    help: "The last layer's weights: \(Method.LastLayer.allCases.map(\.rawValue).joined(separator: " or ")).")
  var lastLayer: Method.LastLayer?

  @Option(help: "A learned factor behind a binary last layer: on or off.")
  var scaleLayer: Toggle?

  @Option(
    help:
      "The first layer's weights: \(Method.FirstLayer.allCases.map(\.rawValue).joined(separator: " or ")).")
  var firstLayer: Method.FirstLayer?

  func validate() throws {
    if let binarizations, !(1...4).contains(binarizations) {
      throw ValidationError("--binarizations \(binarizations): give a number from 1 to 4")
    }
    if let activationBits, !(1...4).contains(activationBits) {
      throw ValidationError("--activation-bits \(activationBits): give a number from 1 to 4")
    }
    if let gradientBits, !(1...8).contains(gradientBits) {
      throw ValidationError("--gradient-bits \(gradientBits): give a number from 1 to 8")
    }
  }

  /// The methods that an option goes with, for its help.
  private static func names(where isFitting: (Method) -> Bool) -> String {
    Method.all.filter(isFitting).map(\.name).joined(separator: ", ")
  }

  /// The method with the options that were given.
  func applied(to base: Method) throws -> Method {
    var result = base
    if let binarizations {
      guard base.binarizations > 0 else {
        throw TrainingError(
          .badOption,
          "--binarizations goes with a method whose activations are signs, not with \(base.name); leave it out"
            + (base.activationBits == nil ? "" : ", or use --activation-bits"))
      }
      result.binarizations = binarizations
    }
    if let activationBits {
      guard base.activationBits != nil else {
        throw TrainingError(
          .badOption,
          "--activation-bits goes with \(Self.names { $0.activationBits != nil }), not with \(base.name); leave it out"
            + (base.binarizations == 0 ? "" : ", or use --binarizations"))
      }
      result.activationBits = activationBits
    }
    if let gradientBits { result.gradientBits = gradientBits }
    if let activation { result.activation = activation }
    for (option, isGiven) in [
      ("--last-layer binary", lastLayer == .binary), ("--scale-layer on", scaleLayer == .on),
    ] where isGiven && !base.isBinary {
      throw TrainingError(
        .badOption, "\(option) goes with a binary method, not with \(base.name); leave it out")
    }
    if let lastLayer { result.lastLayer = lastLayer }
    if let firstLayer { result.firstLayer = firstLayer == .int8 ? .int8 : nil }
    if let scaleLayer { result.scaleLayer = scaleLayer == .on }
    return try result.validated()
  }
}

/// A network without data: its name, method and sizes.
struct NetworkOptions: ParsableArguments {
  @Option(
    help: "\(NetworkDescription.builtIn.map(\.name).joined(separator: ", ")), or a YAML file.")
  var network: String?

  @OptionGroup var width: WidthOptions
  @OptionGroup var method: MethodOptions

  @Option(
    help:
      "Input as HEIGHTxWIDTHxCHANNELS; 224x224x3 for nin and alexnet, 32x32x3 for nin-cifar and vgg-small, else 28x28x1, if not given."
  )
  var input: String?

  @Option(parsing: .unconditional, help: "Classes; 1000 for inputs of 224×224, else 10, if not given.")
  var classes: Int?

  func validate() throws {
    if let classes, !(2...1_000_000).contains(classes) {
      throw ValidationError("--classes \(classes): give a number from 2 to 1000000")
    }
    if let input, Self.sizes(input) == nil {
      throw ValidationError(
        "--input \(input): write it as HEIGHTxWIDTHxCHANNELS, for instance 224x224x3, with sides from 1 to 65536 and 1 to 4 channels"
      )
    }
  }

  /// Refuses options that describe a network where a file is given, which has its own.
  func validate(beside model: String?) throws {
    guard (model == nil) != (network == nil) else {
      throw ValidationError("give either a model file or --network NAME")
    }
    guard model != nil else { return }
    let given = [
      ("--width", width.width != nil),
      ("--method", method.method != nil), ("--binarizations", method.binarizations != nil),
      ("--activation-bits", method.activationBits != nil), ("--gradient-bits", method.gradientBits != nil),
      ("--activation", method.activation != nil), ("--last-layer", method.lastLayer != nil),
      ("--scale-layer", method.scaleLayer != nil), ("--first-layer", method.firstLayer != nil),
      ("--input", input != nil), ("--classes", classes != nil),
    ]
    for (option, isGiven) in given where isGiven {
      throw ValidationError("\(option) goes with --network; a model file has its own")
    }
  }

  private static func sizes(_ text: String) -> [Int]? {
    let sizes = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    return sizes.count == 3 && sizes.allSatisfy { (1...65536).contains($0) } && sizes[2] <= 4 ? sizes : nil
  }

  /// The compact model of the network with its initial weights.
  func untrainedModel() throws -> [UInt8] {
    let configuration = try untrainedRun()
    return try configuration.initialNetwork().compactModel(
      name: configuration.network.title, method: configuration.method.name,
      preprocessing: configuration.preprocessing, classNames: [])
  }

  /// A run of the network that has not begun.
  func untrainedRun(batch: Int = 1, precision: Precision? = nil) throws -> RunConfiguration {
    let file = try NetworkFile(network ?? "", width: width.width)
    let sizes = input.flatMap(Self.sizes) ?? file.description.usualInput ?? [28, 28, 1]
    let shape = FeatureShape(height: sizes[0], width: sizes[1], channels: sizes[2])
    let method = try method.applied(to: Method.named(method.method ?? Method.tang.name))
    let classes = classes ?? (sizes[0] >= 224 ? 1000 : 10)
    _ = try file.layout(input: shape, classes: classes, from: .option)
    var preprocessing = Preprocessing(
      height: shape.height, width: shape.width, channels: shape.channels,
      mean: Array(repeating: 0.5, count: shape.channels),
      deviation: Array(repeating: 0.25, count: shape.channels))
    if method.firstLayer == .int8 { preprocessing = preprocessing.withByteZero }
    return RunConfiguration(
      data: "random", network: file.description, method: method, preprocessing: preprocessing,
      classNames: (0..<classes).map { "class\($0)" }, epochs: 1, batchSize: batch, validation: 0, seed: 0,
      precision: precision ?? RunConfiguration.defaultPrecision(of: method))
  }
}

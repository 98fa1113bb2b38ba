// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Trained → compiled → run.
///
/// Oracle: the training graph in evaluation mode, bit for bit.
@Suite struct CompiledModelTests {
  /// Accumulators of a binary layer over all images, in units of its levels, and times its factors in the graph.
  typealias Accumulators = [String: [Float]]

  static func trainer(
    _ variant: MethodVariant, seed: UInt64, context: ComputeContext
  ) throws -> Trainer {
    let network = RandomNetwork(seed: seed)
    let configuration = makeConfiguration(
      network.description, input: network.input, classes: network.classes, method: variant.method, seed: seed)
    var trainer = try Trainer(configuration, stepsPerEpoch: 10)
    try trainer.trainOnNoise(steps: 4, batchSize: 6, on: context)
    trainer.network.forceAwkwardNumbers(seed: seed)
    return trainer
  }

  /// What a trained layer multiplies accumulators with, one factor a filter.
  static func factors(_ trainer: Trainer) -> [String: [Float]] {
    var factors: [String: [Float]] = [:]
    for case let layer as BinaryConvolution in trainer.network.layers {
      let own = layer.factors(magnitudes: layer.weights.magnitudes(of: layer.weight)) ?? [1]
      factors[layer.name] = (0..<layer.output.channels).map { own[own.count == 1 ? 0 : $0] }
    }
    return factors
  }

  /// Logits of the training graph, and what each binary layer gives.
  static func graph(
    _ trainer: Trainer, _ images: [Float], count: Int, context: ComputeContext
  ) throws -> ([Float], Accumulators) {
    var network = trainer.network
    var accumulators: Accumulators = [:]
    let x = context.tensor(count, network.input, values: images)
    let (logits, _) = try network.forward(x, phase: .evaluation, on: context) { layer, _, output in
      if layer is BinaryConvolution { accumulators[layer.name] = output.array }
    }
    return (logits.array, accumulators)
  }

  static func interpreter(_ model: CompactModel, _ images: [Float], count: Int) -> ([Float], Accumulators) {
    let interpreter = Interpreter(model.program)
    var accumulators: Accumulators = [:]
    let size = images.count / count
    let logits = (0..<count).flatMap { image in
      interpreter.run(Array(images[image * size..<(image + 1) * size])) { index, value in
        let node = model.program.nodes[index]
        if node.kind == .binaryConvolution, case .reals(let sums) = value {
          accumulators[node.name, default: []] += sums
        }
      }
    }
    return (logits, accumulators)
  }

  static func engine(
    _ model: CompactModel, _ images: [Float], count: Int, batch: Int, context: ComputeContext
  ) throws -> ([Float], Accumulators) {
    let engine = try Engine(model, crew: context.crew, batch: batch)
    var units: [String: Float] = [:]
    for node in model.program.nodes {
      if case .codes(_, _, let unit, _) = node.input, node.kind == .binaryConvolution {
        units[node.name] = unit
      }
    }
    var accumulators: Accumulators = [:]
    var logits = [Float](repeating: .nan, count: count * engine.plan.outputs)
    engine.run(images, images: count, logits: &logits) { index, memory, images in
      let step = engine.plan.steps[index]
      guard let packed = step.packed else { return }
      var sums = [Int32](repeating: .min, count: images * packed.window.outPixels * packed.filters)
      sums.withUnsafeMutableBufferPointer { sums in
        guard let base = sums.baseAddress else { return }
        packed.run(memory.codes, images: images, to: .accumulators(base), on: context.crew)
      }
      accumulators[step.name, default: []] += sums.map { Float($0) * (units[step.name] ?? .nan) }
    }
    return (logits, accumulators)
  }

  @Test(arguments: MethodVariant.allCases, 1...6 as ClosedRange<UInt64>)
  func engineAndInterpreterEqualTheTrainingGraph(variant: MethodVariant, seed: UInt64) throws {
    let context = try makeContext()
    let trainer = try Self.trainer(variant, seed: seed, context: context)
    let count = 5
    let images = randomFloats(count * trainer.network.input.count, seed: seed + 77, low: -2, high: 2)
    let (logits, sums) = try Self.graph(trainer, images, count: count, context: context)
    let model = try CompactModel(bytes: trainer.compactModel(), path: "trained")
    let interpreted = Self.interpreter(model, images, count: count)
    let computed = try Self.engine(model, images, count: count, batch: 3, context: context)
    #expect(!logits.contains { !$0.isFinite })
    #expect(sums.isEmpty == !variant.readsBits)
    let factors = Self.factors(trainer)
    func times(_ factors: [Float]?, _ sums: [Float]?) -> [Float] {
      let factors = factors ?? []
      return (sums ?? []).enumerated().map { $1 * factors[$0 % factors.count] }
    }
    #expect(Set(sums.keys) == Set(interpreted.1.keys))
    #expect(Set(sums.keys) == Set(computed.1.keys))
    for (name, values) in sums {
      #expect(times(factors[name], interpreted.1[name]) == values, "accumulators of \(name), interpreter")
      #expect(times(factors[name], computed.1[name]) == values, "accumulators of \(name), engine")
    }
    #expect(interpreted.0.bits == logits.bits, "logits of the interpreter")
    #expect(computed.0.bits == logits.bits, "logits of the engine")
  }

  /// A model compiled before the first step runs as well.
  @Test(
    arguments: [
      MethodVariant.tang1, .tang3, .fullPrecision, .int8, .int8Planes, .binaryConnect, .bnn, .bwn, .xnor,
      .dorefa2,
    ])
  func untrainedNetwork(variant: MethodVariant) throws {
    let context = try makeContext()
    let network = RandomNetwork(seed: 3)
    let trainer = try Trainer(
      makeConfiguration(
        network.description, input: network.input, classes: network.classes, method: variant.method),
      stepsPerEpoch: 1)
    let images = randomFloats(2 * network.input.count, seed: 78)
    let (logits, _) = try Self.graph(trainer, images, count: 2, context: context)
    let model = try CompactModel(bytes: trainer.compactModel(), path: "untrained")
    #expect(try Engine(model, crew: context.crew, batch: 1).logits(images).bits == logits.bits)
  }

  /// With one plane, all signs between binary layers become integer thresholds; the file has no BatchNorm there.
  @Test func operatorsOfAFoldedNetwork() throws {
    let layers: [LayerDescription] = [
      .convolution("a", 8, kernel: 3, padding: 1), .convolution("b", 16, kernel: 3, padding: 1),
      .maxPool(2, stride: 2), .convolution("c", 8, kernel: 1), .convolution("d", nil, kernel: 1),
      .averagePool,
    ]
    func kinds(_ change: (inout Method) -> Void) throws -> [String] {
      var method = Method.tang
      change(&method)
      let trainer = try Trainer(
        makeConfiguration(
          NetworkDescription(name: "n", layers: layers),
          input: FeatureShape(height: 8, width: 8, channels: 1), classes: 3, method: method),
        stepsPerEpoch: 1)
      return try CompactModel(bytes: trainer.compactModel(), path: "n").operators.map(\.op.rawValue)
    }
    let binary = "binary_convolution"
    #expect(
      try kinds { _ in } == [
        "convolution", "prelu", "affine", "binarize", binary, "threshold", "max_pool", binary, "threshold",
        binary, "average_pool", "scale",
      ])
    #expect(
      try kinds { $0.firstLayer = .int8 } == [
        "pixel_convolution", "threshold", binary, "threshold", "max_pool", binary, "threshold", binary,
        "average_pool", "scale",
      ])
    #expect(
      try kinds { ($0.firstLayer, $0.binarizations) = (.int8, 2) }.prefix(6) == [
        "pixel_convolution", "affine", "prelu", "affine", "binarize", binary,
      ])
    #expect(
      try kinds { $0.binarizations = 2 } == [
        "convolution", "prelu", "affine", "binarize", binary, "prelu", "max_pool", "affine", "binarize",
        binary,
        "prelu", "affine", "binarize", binary, "average_pool", "scale",
      ])
    #expect(
      try kinds { $0 = .bnn } == [
        "convolution", "affine", "binarize", binary, "threshold", "max_pool", binary, "threshold", binary,
        "average_pool", "affine",
      ])
    // Magnitudes go into thresholds, and are stored where no threshold follows.
    #expect(
      try kinds { $0 = .xnor } == [
        "convolution", "relu", "affine", "binarize", binary, "threshold", "max_pool", binary,
        "channel_scale", "relu", "affine", "convolution", "average_pool",
      ])
    #expect(
      try kinds {
        $0 = .dorefa
        $0.activationBits = 1
      } == [
        "convolution", "affine", "binarize", binary, "threshold", "max_pool", binary, "scale", "affine",
        "relu", "convolution", "average_pool",
      ])
    #expect(
      try kinds { $0 = .dorefa } == [
        "convolution", "affine", "binarize", binary, "scale", "max_pool", "affine", "binarize", binary,
        "scale", "affine", "relu", "convolution", "average_pool",
      ])
    let signs = "binary_weight_convolution"
    #expect(
      try kinds { $0 = .binaryConnect } == [
        "convolution", "affine", "relu", signs, "max_pool", "affine", "relu", signs, "affine", "relu", signs,
        "average_pool", "affine",
      ])
    #expect(
      try kinds { ($0.lastLayer, $0.activation) = (.full, .relu) } == [
        "convolution", "relu", "affine", "binarize", binary, "threshold", "max_pool", binary, "relu",
        "affine",
        "convolution", "average_pool",
      ])
  }
}

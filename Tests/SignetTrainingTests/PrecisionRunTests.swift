// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Testing

/// Training runs in each precision.
///
/// Oracle: the run with one thread and the unbroken run, byte for byte; labels of images that were not trained on.
@Suite struct PrecisionRunTests {
  private static func configuration(_ planes: Int, _ precision: Precision?, seed: UInt64 = 7)
    -> RunConfiguration
  {
    var method = Method.tang
    method.binarizations = planes
    var configuration = DeterminismTests.configuration(method, seed: seed)
    configuration.precision = precision
    return configuration
  }

  private static func checkpoint(_ configuration: RunConfiguration, threads: Int) throws -> [UInt8] {
    let context = try makeContext(threads: threads, precision: configuration.precision ?? .float32)
    var trainer = try Trainer(configuration, stepsPerEpoch: 10)
    try trainer.trainOnNoise(steps: 4, batchSize: 43, on: context)
    return try Checkpoint(trainer).encoded()
  }

  /// Binary layers with groups, pools, a real first layer, and a last layer of 5 filters.
  @Test(arguments: Precision.allCases, [1, 2])
  func threadsChangeNothing(precision: Precision, planes: Int) throws {
    let configuration = Self.configuration(planes, precision)
    let one = try Self.checkpoint(configuration, threads: 1)
    for threads in [1, 2, 3] {
      #expect(try Self.checkpoint(configuration, threads: threads) == one, "\(threads) threads")
    }
  }

  /// The other methods: magnitudes, k-bit activations, quantised gradients, one-bit weights on reals.
  @Test(arguments: Precision.allCases, [Method.binaryConnect, .bnn, .bwn, .xnor, .dorefa])
  func methodsDoNotDependOnThreads(precision: Precision, method: Method) throws {
    var method = method
    if method.activationBits != nil { method.gradientBits = 6 }
    var configuration = DeterminismTests.configuration(method)
    configuration.precision = precision
    let one = try Self.checkpoint(configuration, threads: 1)
    for threads in [2, 3] {
      #expect(try Self.checkpoint(configuration, threads: threads) == one, "\(threads) threads")
    }
  }

  /// From the same start, precisions lead to different weights.
  @Test func precisionsDiffer() throws {
    func weights(_ precision: Precision) throws -> [[UInt32]] {
      let context = try makeContext(precision: precision)
      var trainer = try Trainer(Self.configuration(1, nil), stepsPerEpoch: 10)
      try trainer.trainOnNoise(steps: 2, batchSize: 9, on: context)
      var all: [[UInt32]] = []
      trainer.network.forEachParameter { _, parameter in all.append(parameter.value.array.bits) }
      return all
    }
    let all = try Precision.allCases.map(weights)
    #expect(all[0] != all[1] && all[1] != all[2] && all[0] != all[2])
    #expect(all.allSatisfy { $0.joined().allSatisfy { Float(bitPattern: $0).isFinite } })
  }

  /// A stop after any step: the rest of the run gives the same bytes, and the precision is the run's own.
  @Test(arguments: Precision.allCases, [1, 2])
  func resumedAfterAStep(precision: Precision, planes: Int) throws {
    let configuration = Self.configuration(planes, precision)
    let context = try makeContext(precision: precision)
    var whole = try Trainer(configuration, stepsPerEpoch: 2)
    for step in 0..<4 {
      let bytes = try Checkpoint(whole).encoded()
      var resumed = try Checkpoint(bytes: bytes, path: "step \(step)").trainer
      #expect(resumed.configuration.precision == precision)
      #expect(resumed.configuration == configuration)
      try whole.trainOnNoise(steps: 1, batchSize: 9, on: context)
      try resumed.trainOnNoise(steps: 1, batchSize: 9, on: context)
      #expect(try Checkpoint(resumed).encoded() == Checkpoint(whole).encoded(), "step \(step)")
    }
  }

  /// A run from before there was a choice has no precision in its file; it was fp32.
  @Test func noPrecisionIsFloat32() throws {
    let old = Self.configuration(2, nil)
    let text = String(decoding: try JSONEncoder().encode(old), as: UTF8.self)
    #expect(!text.contains("precision"))
    #expect(try JSONDecoder().decode(RunConfiguration.self, from: Data(text.utf8)) == old)
    let stored = try Checkpoint(bytes: Checkpoint(Trainer(old, stepsPerEpoch: 1)).encoded(), path: "old")
    #expect(stored.trainer.configuration.precision == nil)
    let crew = try makeContext().crew
    func step(_ precision: Precision?) throws -> [UInt8] {
      let file = FileManager.default.temporaryDirectory.appending(path: "step-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: file) }
      try StepRecord(Self.configuration(2, precision), crew: crew).write(
        to: file.path(percentEncoded: false))
      return Array(try Data(contentsOf: file))
    }
    #expect(try step(nil) == step(.float32))
    #expect(try step(nil) != step(.int8))
    #expect(Precision.allCases.map(\.rawValue) == ["fp32", "bf16", "int8"])
  }

  /// All tensors and workspaces that a step needs are there after two of them, whatever it is computed with.
  @Test(arguments: Precision.allCases, [1, 2])
  func theMemoryOfStepsDoesNotGrow(precision: Precision, planes: Int) throws {
    for threads in [1, 2] {
      let context = try makeContext(threads: threads, precision: precision)
      var trainer = try Trainer(Self.configuration(planes, precision), stepsPerEpoch: 10)
      try trainer.trainOnNoise(steps: 2, batchSize: 43, on: context)
      let extent = context.memory.extent
      #expect(extent > 0)
      try trainer.trainOnNoise(steps: 4, batchSize: 43, on: context)
      #expect(context.memory.extent == extent, "\(threads) threads")
    }
  }

  /// A batch that no machine's memory holds is refused before anything is made for it; in shards, what is computed at once counts.
  @Test func batchBeyondTheMemory() throws {
    var configuration = Self.configuration(1, .int8)
    configuration.batchSize = 1 << 36
    let error = #expect(throws: TrainingError.self) { try Trainer(configuration, stepsPerEpoch: 1) }
    #expect(error?.code == .badOption)
    #expect(error?.description.contains("give a smaller batch") == true)
    configuration.shards = 1 << 30
    #expect(throws: Never.self) { try Trainer(configuration, stepsPerEpoch: 1) }
  }

  @Test(arguments: Precision.allCases, [MethodVariant.tang1, .tang2, .lastFull])
  func learnsStripes(precision: Precision, variant: MethodVariant) throws {
    var method = variant.method
    (method.learningRate, method.schedule) = (0.01, .cosine)
    var configuration = makeConfiguration(
      LearningTests.network, input: Stripes.shape, classes: 3, method: method, epochs: 6, batchSize: 32)
    configuration.precision = precision
    let (training, test) = (Stripes(count: 480, seed: 71), Stripes(count: 600, seed: 72))
    let context = try makeContext(precision: precision)
    let size = Stripes.shape.count
    var trainer = try Trainer(configuration, stepsPerEpoch: 15)
    var random = SplitMix64(seed: 73)
    for _ in 0..<6 {
      for start in random.permutation(15) {
        let range = start * 32..<(start + 1) * 32
        try trainer.train(
          Array(training.inputs[range.lowerBound * size..<range.upperBound * size]),
          Array(training.labels[range]), on: context)
      }
    }
    let model = try CompactModel(bytes: trainer.compactModel(), path: "trained")
    let logits = try Engine(model, crew: context.crew, batch: 64).logits(test.inputs)
    var evaluation = Evaluation()
    logits.withUnsafeBufferPointer { evaluation.add(logits: $0, labels: test.labels) }
    #expect(evaluation.count == 600 && evaluation.top1 > 0.9, "\(evaluation.top1)")
  }
}

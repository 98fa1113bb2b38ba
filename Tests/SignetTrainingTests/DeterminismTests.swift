// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: the run with one thread, and the unbroken run; checkpoints are compared byte by byte.
@Suite struct DeterminismTests {
  /// Rows beyond one chunk, images beyond one lane, groups, pools, real and binary layers.
  static let network = NetworkDescription(
    name: "n",
    layers: [
      .convolution("a", 12, kernel: 5, padding: 2), .maxPool(3, stride: 2),
      .convolution("b", 18, kernel: 3, padding: 1, groups: 2), .convolution("c", 20, kernel: 1),
      .maxPool(2, stride: 2), .dense("d", 40), .dense("e", nil),
    ])
  static let input = FeatureShape(height: 16, width: 14, channels: 2)

  static func configuration(
    _ method: Method, seed: UInt64 = 7, schedule: ScheduleKind = .plateau
  ) -> RunConfiguration {
    var method = method
    method.learningRate = 0.01
    method.schedule = schedule
    return makeConfiguration(network, input: input, classes: 5, method: method, seed: seed)
  }

  static var methods: [Method] {
    var (two, full) = (Method.tang, Method.tang)
    two.binarizations = 2
    (full.lastLayer, full.activation) = (.full, .relu)
    var (bytes, twoOfBytes) = (Method.tang, two)
    (bytes.firstLayer, twoOfBytes.firstLayer) = (.int8, .int8)
    var rounded = Method.dorefa
    rounded.gradientBits = 6
    return [
      .tang, two, full, .fullPrecision, bytes, twoOfBytes, .binaryConnect, .bnn, .bwn, .xnor, rounded,
    ]
  }

  static func checkpoint(
    _ configuration: RunConfiguration, threads: Int, steps: Int = 4, batchSize: Int = 43
  ) throws -> [UInt8] {
    let context = try makeContext(threads: threads)
    var trainer = try Trainer(configuration, stepsPerEpoch: 10)
    try trainer.trainOnNoise(steps: steps, batchSize: batchSize, on: context)
    return try Checkpoint(trainer).encoded()
  }

  @Test(arguments: methods)
  func threadsChangeNothing(method: Method) throws {
    let configuration = Self.configuration(method)
    let one = try Self.checkpoint(configuration, threads: 1)
    for threads in [1, 2, 3] {
      #expect(try Self.checkpoint(configuration, threads: threads) == one, "\(threads) threads")
    }
  }

  @Test func seedsAndDataChangeTheBytes() throws {
    let one = try Self.checkpoint(Self.configuration(.tang), threads: 2, steps: 1)
    #expect(try Self.checkpoint(Self.configuration(.tang, seed: 8), threads: 2, steps: 1) != one)
    #expect(try Self.checkpoint(Self.configuration(.tang), threads: 2, steps: 2) != one)
    #expect(try Self.checkpoint(Self.configuration(.tang), threads: 2, steps: 1, batchSize: 42) != one)
  }

  /// A stop after any step: the rest of the run gives the same bytes.
  @Test(arguments: ScheduleKind.allCases, methods)
  func resumedAfterAStep(schedule: ScheduleKind, method: Method) throws {
    let configuration = Self.configuration(method, schedule: schedule)
    let context = try makeContext()
    var whole = try Trainer(configuration, stepsPerEpoch: 2)
    var bytes = try Checkpoint(whole).encoded()
    for step in 0..<5 {
      var resumed = try Checkpoint(bytes: bytes, path: "step \(step)").trainer
      #expect(resumed.step == step)
      #expect(try Checkpoint(resumed).encoded() == bytes, "a checkpoint read and written again")
      try whole.trainOnNoise(steps: 1, batchSize: 9, on: context)
      try resumed.trainOnNoise(steps: 1, batchSize: 9, on: context)
      bytes = try Checkpoint(whole).encoded()
      #expect(try Checkpoint(resumed).encoded() == bytes, "step \(step)")
      #expect(try resumed.compactModel() == whole.compactModel())
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Batches that are cut into shards, which one rank or several compute.
@Suite struct ShardTests {
  struct Setting: CustomTestStringConvertible, Sendable {
    var method = Method.tang
    var precision = Precision.float32
    var synchronizes = true
    var isTaught = false
    var testDescription: String {
      "\(method.name) \(method.binarizations) \(precision) \(synchronizes ? "synchronised" : "local")\(isTaught ? " taught" : "")"
    }
  }

  static var settings: [Setting] {
    var two = Method.tang
    two.binarizations = 2
    var bytes = Method.tang
    bytes.firstLayer = .int8
    var rounded = Method.dorefa
    rounded.gradientBits = 6
    var all = Precision.allCases.flatMap { precision in
      [true, false].map { Setting(method: two, precision: precision, synchronizes: $0) }
    }
    for method in [Method.tang, .fullPrecision, bytes, .xnor, .bwn, rounded] {
      all.append(Setting(method: method))
      all.append(Setting(method: method, precision: .int8, synchronizes: false))
    }
    all.append(Setting(method: two, isTaught: true))
    return all
  }

  private struct Outcome: Equatable, Sendable {
    var checkpoint: [UInt8]
    var losses: [Double]
    var correct: [Int]
    var gradients: [[Float]]
    var statistics: [[Float]]
  }

  private static let images = 13

  /// Steps of a run on made-up images, as each of some ranks; all must come to the same.
  private static func run(
    _ setting: Setting, shards: Int, ranks: Int = 1, threads: Int = 2, bucketSize: Int = 1 << 20,
    steps: Int = 3, images: Range<Int> = 0..<images, from stored: [UInt8]? = nil, rate: Float = 0.01
  ) throws -> Outcome {
    var configuration = DeterminismTests.configuration(setting.method)
    configuration.method.learningRate = rate
    let teacher = try setting.isTaught ? TeacherTests.model() : nil
    configuration.distillation = teacher.map { Distillation(teacher: "teacher", digest: $0.digest) }
    let start = configuration
    let outcomes = ThreadRanks.run(ranks) { rank in
      let group =
        shards == 1
        ? nil
        : try ShardGroup(
          shards: shards, synchronizesNorm: setting.synchronizes, collective: rank, bucketSize: bucketSize)
      let context = try ComputeContext(
        crew: Crew(table: KernelTable.chosen(), threads: threads), precision: setting.precision, group: group)
      var trainer =
        try stored.map { try Checkpoint(bytes: $0, path: "stored").trainer }
        ?? Trainer(start, stepsPerEpoch: 9)
      if let teacher { try trainer.learn(from: Teacher(teacher, for: start, crew: context.crew)) }
      var outcome = Outcome(checkpoint: [], losses: [], correct: [], gradients: [], statistics: [])
      let own = group.map { $0.images(of: $0.own, batch: images.count) } ?? 0..<images.count
      for _ in 0..<steps {
        let size = trainer.network.input.count
        let inputs = randomFloats(Self.images * size, seed: 900 + UInt64(trainer.step), low: -2, high: 2)
        let labels = (0..<Self.images).map { Int32(($0 * 7 + trainer.step) % 5) }
        let mine = images.lowerBound + own.lowerBound..<images.lowerBound + own.upperBound
        let result = try inputs[mine.lowerBound * size..<mine.upperBound * size].withUnsafeBufferPointer {
          try trainer.train(
            TrainingBatch(inputs: $0, labels: Array(labels[mine]), wholeCount: images.count), on: context)
        }
        #expect(result.images == images.count)
        outcome.losses.append(result.loss)
        outcome.correct.append(result.correct)
      }
      trainer.network.forEachParameter { outcome.gradients.append($1.gradient.array) }
      trainer.network.forEachStatistic { outcome.statistics.append($1) }
      outcome.checkpoint = try Checkpoint(trainer).encoded()
      return outcome
    }
    let all = try outcomes.map { try $0.get() }
    #expect(all.count == ranks && all.allSatisfy { $0 == all[0] }, "the ranks differ")
    return all[0]
  }

  /// Oracle: one rank with all shards; shards are of different sizes, and some ranks have more of them.
  @Test(arguments: settings)
  func ranksChangeNoBit(_ setting: Setting) throws {
    let one = try Self.run(setting, shards: 4, threads: 1)
    for ranks in [1, 2, 3, 4] {
      #expect(try Self.run(setting, shards: 4, ranks: ranks) == one, "\(ranks) ranks")
    }
    #expect(try Self.run(setting, shards: 3).checkpoint != one.checkpoint)
  }

  /// Oracle: all gradients in one bucket.
  ///
  /// Parameters are spread over many, and many layers share one.
  @Test(arguments: [1, 2, 5], [7, 100, 1000])
  func bucketsChangeNoBit(ranks: Int, size: Int) throws {
    let one = try Self.run(Setting(), shards: 5)
    #expect(try Self.run(Setting(), shards: 5, ranks: ranks, bucketSize: size) == one)
  }

  /// Oracle: the unbroken run on one rank.
  @Test(arguments: [Precision.float32, .int8])
  func resumedOnOtherRanks(precision: Precision) throws {
    let setting = Setting(precision: precision)
    let whole = try Self.run(setting, shards: 4, steps: 4)
    let first = try Self.run(setting, shards: 4, ranks: 4, steps: 2)
    let rest = try Self.run(setting, shards: 4, ranks: 3, steps: 2, from: first.checkpoint)
    #expect(rest.checkpoint == whole.checkpoint)
    #expect(first.losses + rest.losses == whole.losses)
  }

  /// Oracle: the same batch in one piece.
  ///
  /// A sign may flip where a sum was added in another order, so later losses part slowly.
  @Test(arguments: [Method.tang, .fullPrecision, .xnor], [2, 3, 4])
  func synchronizedShardsAreTheWholeBatch(method: Method, shards: Int) throws {
    let setting = Setting(method: method)
    let whole = try Self.run(setting, shards: 1, steps: 5, rate: 1e-4)
    let cut = try Self.run(setting, shards: shards, ranks: shards, steps: 5, rate: 1e-4)
    for (loss, expected) in zip(cut.losses, whole.losses) { #expect(abs(loss - expected) < 1e-4) }
    let first = try Self.run(setting, shards: 1, steps: 1)
    let other = try Self.run(setting, shards: shards, steps: 1)
    for (index, pair) in zip(other.gradients, first.gradients).enumerated() {
      expectClose(pair.0.doubles, pair.1.doubles, tolerance: 1e-3, "gradient \(index)")
    }
    for (index, pair) in zip(other.statistics, first.statistics).enumerated() {
      expectClose(pair.0.doubles, pair.1.doubles, tolerance: 1e-5, "statistic \(index)")
    }
  }

  /// Oracle: each part as a batch of its own; gradients and statistics are their means, weighted with their images.
  @Test(arguments: [Method.tang, .fullPrecision])
  func localShardsAreBatches(method: Method) throws {
    var setting = Setting(method: method, synchronizes: false)
    setting.method.binarizations = method.isBinary ? 2 : 0
    let parts = [0..<4, 4..<8, 8..<13]
    let cut = try Self.run(setting, shards: 3, ranks: 2, steps: 1)
    let alone = try parts.map { try Self.run(setting, shards: 1, steps: 1, images: $0) }
    func mean(_ values: (Outcome) -> [Float]) -> [Double] {
      let all = alone.map(values)
      return all[0].indices.map { index in
        zip(all, parts).reduce(0) { $0 + Double($1.0[index]) * Double($1.1.count) } / Double(Self.images)
      }
    }
    for index in cut.gradients.indices {
      expectClose(
        cut.gradients[index].doubles, mean { $0.gradients[index] }, tolerance: 1e-4, "gradient \(index)")
    }
    for index in cut.statistics.indices {
      expectClose(
        cut.statistics[index].doubles, mean { $0.statistics[index] }, tolerance: 1e-6, "statistic \(index)")
    }
    let loss = zip(alone, parts).reduce(0) { $0 + $1.0.losses[0] * Double($1.1.count) } / Double(Self.images)
    #expect(abs(cut.losses[0] - loss) < 1e-12)
    #expect(cut.correct[0] == alone.reduce(0) { $0 + $1.correct[0] })
  }

  @Test func impossibleSharesAreErrors() throws {
    for outcome in ThreadRanks.run(
      3, { try ShardGroup(shards: 2, synchronizesNorm: true, collective: $0).own })
    {
      let error = #expect(throws: TrainingError.self) { try outcome.get() }
      #expect(error?.code == .badOption && error?.description.contains("3 ranks") == true)
    }
    var configuration = DeterminismTests.configuration(.tang)
    (configuration.shards, configuration.batchSize) = (5, 4)
    let error = #expect(throws: TrainingError.self) { try configuration.validated() }
    #expect(error?.description.contains("5 shards") == true)
    let tooFew = #expect(throws: TrainingError.self) {
      try Self.run(Setting(), shards: 4, images: 0..<3)
    }
    #expect(tooFew?.code == .badRun && tooFew?.description.contains("3 images in 4 shards") == true)
  }

  /// The shard whose image is bad names the layer; those that waited for it say that it was another.
  @Test(arguments: [1, 2, 4], [true, false])
  func badNumbersAreTold(ranks: Int, synchronizes: Bool) throws {
    let outcomes = ThreadRanks.run(ranks) { rank in
      let group = try ShardGroup(shards: 4, synchronizesNorm: synchronizes, collective: rank)
      let context = try ComputeContext(
        crew: Crew(table: KernelTable.chosen(), threads: 1), group: group)
      var trainer = try Trainer(DeterminismTests.configuration(.tang), stepsPerEpoch: 9)
      let (own, size) = (group.images(of: group.own, batch: 8), trainer.network.input.count)
      var inputs = randomFloats(8 * size, seed: 5)
      inputs[7 * size + 3] = .nan
      _ = try inputs[own.lowerBound * size..<own.upperBound * size].withUnsafeBufferPointer {
        try trainer.train(
          TrainingBatch(inputs: $0, labels: own.map { Int32($0 % 5) }, wholeCount: 8), on: context)
      }
    }
    for (rank, outcome) in outcomes.enumerated() {
      guard case .failure(let error) = outcome else {
        Issue.record("rank \(rank) went on")
        continue
      }
      let training = error as? TrainingError
      if rank == ranks - 1 {
        #expect(training?.code == .notFinite, "\(error)")
        #expect(training?.description.contains("step 1") == true, "\(error)")
        #expect(training?.description.contains("layer “a”") == true, "\(error)")
      } else {
        #expect(error is ThreadRanks.Failed || training?.code == .elsewhere, "rank \(rank): \(error)")
      }
    }
  }

  /// Oracle: the steps that were done when the shards became others.
  @Test func earlierShardsAreRemembered() throws {
    var new = try Trainer(DeterminismTests.configuration(.tang), stepsPerEpoch: 9)
    try new.cut(into: 2)
    #expect(new.configuration.earlierShards == nil, "no step had one shard")
    func goingOn(_ configuration: RunConfiguration, after step: Int) throws -> Trainer {
      let trainer = Trainer(
        configuration, network: new.network, schedule: new.schedule, epoch: 0, progress: EpochProgress(),
        step: step)
      return try Checkpoint(bytes: Checkpoint(trainer).encoded(), path: "run").trainer
    }
    var trainer = try goingOn(new.configuration, after: 5)
    for shards in [3, 4] { try trainer.cut(into: shards) }
    trainer = try goingOn(trainer.configuration, after: 7)
    try trainer.cut(into: 5)
    let earlier = try #require(trainer.configuration.earlierShards)
    #expect(earlier.map(\.shards) == [2, 4] && earlier.map(\.untilStep) == [5, 7], "3 had no step")
    #expect(trainer.configuration.shards == 5)
  }
}

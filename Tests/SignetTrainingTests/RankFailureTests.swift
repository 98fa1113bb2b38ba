// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Synchronization
import Testing

/// Shards and ranks that fail, that want something, or that are not like the others.
@Suite struct RankFailureTests {
  /// One of several ranks of which the others have the same numbers, until the first gradients are to be exchanged.
  private struct BrokenWay: Collective {
    let rank = 0
    let ranks = 2

    func gather(_ values: [Double], counts: [Int]) -> [Double] { values + values }

    func broadcast(_ bytes: [UInt8]) -> [UInt8] { bytes }

    func exchange(
      _ values: UnsafePointer<Float>, counts: [Int], into received: UnsafeMutablePointer<Float>,
      receivedCounts: [Int]
    ) throws {
      throw TrainingError(.badRun, "the way to rank 1 is broken")
    }

    func complete(_ values: UnsafeMutablePointer<Float>, counts: [Int]) {}
  }

  /// Oracle: what the exchange of gradients threw; the shards only know that something did.
  ///
  /// A group that has failed stays so.
  @Test(arguments: [true, false])
  func brokenSumsAreTold(synchronizes: Bool) throws {
    let group = try ShardGroup(
      shards: 4, synchronizesNorm: synchronizes, collective: BrokenWay(), bucketSize: 7)
    let context = try ComputeContext(
      crew: Crew(table: KernelTable.chosen(), threads: 1), group: group)
    var trainer = try Trainer(DeterminismTests.configuration(.tang), stepsPerEpoch: 9)
    let own = group.images(of: group.own, batch: 8)
    let inputs = randomFloats(own.count * trainer.network.input.count, seed: 5)
    for _ in 0..<2 {
      let error = #expect(throws: TrainingError.self) {
        try inputs.withUnsafeBufferPointer {
          try trainer.train(
            TrainingBatch(inputs: $0, labels: own.map { Int32($0 % 5) }, wholeCount: 8), on: context)
        }
      }
      #expect(error?.description == "the way to rank 1 is broken")
    }
    #expect(trainer.step == 0)
  }

  /// Oracle: the layer whose weights are too large for images that differ between shards, but not within one.
  ///
  /// By itself each shard would normalise its images to zero, and find nothing wrong.
  @Test(arguments: [1, 2, 4])
  func badStatisticsOfTheWholeAreTold(ranks: Int) throws {
    let network = NetworkDescription(
      name: "n", layers: [.convolution("a", 8, kernel: 1), .convolution("b", 8, kernel: 1), .dense("c", nil)])
    let input = FeatureShape(height: 1, width: 1, channels: 2)
    let outcomes = ThreadRanks.run(ranks) { rank in
      let group = try ShardGroup(shards: 4, synchronizesNorm: true, collective: rank)
      let context = try ComputeContext(
        crew: Crew(table: KernelTable.chosen(), threads: 1), group: group)
      var trainer = try Trainer(
        makeConfiguration(network, input: input, classes: 5, method: .fullPrecision), stepsPerEpoch: 9)
      trainer.network.forEachParameter { name, parameter in
        if name == "b_norm.scale" { parameter.value.elements.update(repeating: 1e34) }
        if name == "b.weight" { parameter.value.elements.update(repeating: 1e5) }
      }
      let own = group.images(of: group.own, batch: 12)
      let inputs = own.flatMap { image in [Float(image / 3) * 0.2 - 0.3, 0.25 - Float(image / 3) * 0.1] }
      try inputs.withUnsafeBufferPointer {
        _ = try trainer.train(
          TrainingBatch(inputs: $0, labels: own.map { Int32($0 % 5) }, wholeCount: 12), on: context)
      }
    }
    for (rank, outcome) in outcomes.enumerated() {
      let error = #expect(throws: (any Error).self) { try outcome.get() }
      let training = error as? TrainingError
      if rank == 0 {
        #expect(training?.code == .notFinite, "\(String(describing: error))")
        #expect(training?.description.contains("layer “b”") == true, "\(String(describing: error))")
      } else {
        #expect(error is ThreadRanks.Failed || training?.code == .elsewhere, "\(String(describing: error))")
      }
    }
  }

  /// What one of the ranks of a run does, or has, by itself.
  private struct Part: Sendable {
    var seed: UInt64 = 7
    var build = "1"
    var isa: String?
    /// What it wants after a step.
    var wish: (step: Int, what: AfterStep)?
    /// A step after which one of Adam's means changes.
    var changed = 0
    /// A step after which its data fail.
    var lost: Int?
    /// Whether it evaluates, and whether it is told to stop meanwhile.
    var validates: (epochs: Int, stops: Bool)?
  }

  private struct DataFailure: Error {}

  private struct Outcome: Equatable, Sendable {
    var steps: Int
    /// The steps after which it was told to save.
    var saves: [Int] = []
  }

  /// The steps that ranks saved at, also those of ranks that failed.
  private final class Saves: Sendable {
    let steps = Mutex<[Int: [Int]]>([:])
  }

  /// Four epochs of six steps, each rank with all images of its shard.
  private static func run(
    _ parts: Part..., saved: Saves = Saves()
  ) -> [Result<Outcome, any Error>] {
    ThreadRanks.run(parts.count) { rank in
      let part = parts[rank.rank]
      let group = try ShardGroup(
        shards: parts.count, synchronizesNorm: false, collective: rank, build: part.build)
      let context = try ComputeContext(
        crew: Crew(table: KernelTable.chosen(named: part.isa), threads: 1), group: group)
      let inputs = AlignedBuffer(randomFloats(4 * DeterminismTests.input.count, seed: 3))
      let trainer = try Trainer(
        DeterminismTests.configuration(.tang, seed: part.seed), stepsPerEpoch: 6)
      var (network, means) = (trainer.network, [AlignedBuffer<Float>]())
      network.forEachParameter { means.append($1.second) }
      var (saves, epochs) = ([Int](), 0)
      var training = TrainingRun(
        trainer: trainer,
        batches: { epoch, first in
          var next = first
          return {
            if epoch * 6 + next == part.lost { throw DataFailure() }
            next += 1
            return next > 6
              ? nil
              : TrainingBatch(
                inputs: UnsafeBufferPointer(inputs.elements), labels: [0, 1, 2, 3],
                wholeCount: 4 * parts.count)
          }
        }, hasValidation: part.validates != nil,
        validate: { _ in
          epochs += 1
          guard let validates = part.validates, validates.stops, epochs == validates.epochs else {
            return nil
          }
          throw TrainingRun.StoppedInValidation()
        },
        save: { checkpoint, _ in
          saves.append(checkpoint.trainer.step)
          // Long enough for a rank that did not wait to throw first.
          if rank.rank == 0, parts.contains(where: { $0.lost != nil }) { usleep(50_000) }
          saved.steps.withLock { $0[rank.rank, default: []].append(checkpoint.trainer.step) }
        },
        observe: { [means] event in
          if case .step(let result, _) = event, result.step == part.changed { means[0].pointer[0] += 1 }
        }, afterStep: { part.wish?.step == $0.step ? part.wish?.what ?? .goOn : .goOn })
      do {
        try training.run(on: context)
      } catch let error as DataFailure {
        let last = saved.steps.withLock { $0[0]?.last }
        #expect(last == part.lost, "rank 0 had not saved when rank \(rank.rank) threw")
        throw error
      }
      return Outcome(steps: training.trainer.step, saves: saves)
    }
  }

  /// Oracle: the ends of the epochs, and what rank 0 wants; a stop is anybody's wish.
  @Test func rankZeroAloneWantsToSave() throws {
    let ends = [0, 6, 12, 18, 24]
    for (wishes, steps, saves) in [
      ([nil, nil], 24, ends), ([(8, .save), nil], 24, [0, 6, 8, 12, 18, 24]),
      ([nil, (8, .save)], 24, ends), ([(8, .save), (9, .save)], 24, [0, 6, 8, 12, 18, 24]),
      ([nil, (4, .stop)], 4, [0, 4]), ([(4, .save), (4, .stop)], 4, [0, 4]),
    ] as [([(step: Int, what: AfterStep)?], Int, [Int])] {
      let outcomes = Self.run(Part(wish: wishes[0]), Part(wish: wishes[1]))
      for outcome in outcomes { #expect(try outcome.get() == Outcome(steps: steps, saves: saves)) }
    }
  }

  /// Oracle: the step before which the data of a rank fail; that rank's error is its own.
  @Test(arguments: [(2, 0), (8, 1), (8, 2), (11, 1), (12, 1)])
  func rankZeroKeepsTheStepsBeforeDataThatFail(step: Int, failing: Int) throws {
    var parts = [Part(), Part(), Part()]
    parts[failing].lost = step
    let saved = Saves()
    let outcomes = Self.run(parts[0], parts[1], parts[2], saved: saved)
    for (rank, outcome) in outcomes.enumerated() {
      let error = #expect(throws: (any Error).self) { try outcome.get() }
      if rank == failing {
        #expect(error is DataFailure)
      } else {
        #expect((error as? TrainingError)?.code == .elsewhere, "\(String(describing: error))")
      }
    }
    #expect(saved.steps.withLock { $0[0]?.last } == step)
  }

  /// Rank 0 alone evaluates, and is told to stop: none goes on.
  @Test func aStopInValidationIsEveryRanks() throws {
    let outcomes = Self.run(Part(validates: (2, true)), Part(validates: (2, false)))
    for outcome in outcomes { #expect(try outcome.get() == Outcome(steps: 12, saves: [0, 6, 6, 12])) }
  }

  /// Oracle: what the second of three ranks has that the others have not.
  @Test func ranksMustAgree() throws {
    func expect(_ words: String, of part: Part) {
      for outcome in Self.run(Part(), part, Part()) {
        let error = #expect(throws: TrainingError.self) { try outcome.get() }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
      }
    }
    expect("rank 1 starts from other options, data or weights", of: Part(seed: 8))
    expect("rank 1 has another version", of: Part(build: "2"))
    for isa in ISA.available.dropLast() {
      expect("other kernels, than rank 0", of: Part(isa: isa.rawValue))
    }
    // The weights are the same to the end of the epoch.
    expect("the weights of rank 1, or Adam's means", of: Part(changed: 6))
    for outcome in Self.run(Part(), Part(isa: ISA.available.last?.rawValue)) {
      #expect(try outcome.get().steps == 24)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Runs of four epochs of three steps that end early and go on from their last checkpoint.
///
/// Oracle: the unbroken run; checkpoints are compared byte by byte.
@Suite struct ResumedRunTests {
  private struct Failure: Error {}

  private struct Record {
    var saved: [[UInt8]] = []
    var events: [EpochResult] = []
    var steps: [Int] = []
  }

  private static func configuration(_ schedule: ScheduleKind) -> RunConfiguration {
    var configuration = DeterminismTests.configuration(.tang, schedule: schedule)
    // So large a rate that the loss goes up and the plateau schedule has something to do.
    configuration.method.learningRate = 1
    return configuration
  }

  private static func begin(_ schedule: ScheduleKind) throws -> Trainer {
    try Trainer(configuration(schedule), stepsPerEpoch: 3)
  }

  private static func run(
    from start: Trainer, dataFailsAfter failing: Int? = nil,
    afterStep: (Int) throws -> AfterStep = { _ in .goOn },
    validate: ((CompactModel) throws -> Evaluation?)? = nil
  ) throws -> Record {
    var record = Record()
    let size = 8 * DeterminismTests.input.count
    let inputs = (0..<3).map { AlignedBuffer(randomFloats(size, seed: 60 + UInt64($0))) }
    try withoutActuallyEscaping(afterStep) { afterStep in
      var training = TrainingRun(
        trainer: start,
        batches: { epoch, first in
          var next = first
          return {
            if let failing, epoch * 3 + next == failing { throw Failure() }
            guard next < 3 else { return nil }
            let labels = (0..<8).map { Int32(($0 * 3 + next + epoch) % 5) }
            next += 1
            return TrainingBatch(inputs: UnsafeBufferPointer(inputs[next - 1].elements), labels: labels)
          }
        }, hasValidation: validate != nil, validate: validate ?? { _ in nil },
        save: { checkpoint, _ in record.saved.append(try checkpoint.encoded()) },
        observe: { event in
          switch event {
          case .step(let result, _): record.steps.append(result.step)
          case .epoch(let result): record.events.append(result)
          }
        }, afterStep: { try afterStep($0.step) })
      do { try training.run(on: try makeContext()) } catch is Failure {}
    }
    return record
  }

  private static func goOn(_ record: Record) throws -> Record {
    try run(from: Checkpoint(bytes: #require(record.saved.last), path: "last").trainer)
  }

  /// An error between two steps, as of a full disk.
  @Test(arguments: ScheduleKind.allCases, [2, 5, 8])
  func fromTheEpochBefore(schedule: ScheduleKind, failsAt step: Int) throws {
    let whole = try Self.run(from: Self.begin(schedule))
    let first = try Self.run(from: Self.begin(schedule)) { if $0 == step { throw Failure() } else { .goOn } }
    let rest = try Self.goOn(first)
    #expect(whole.saved.count == 5, "one before the first epoch, one after each")
    // At the very beginning, the resumed run saves its start again.
    #expect(first.saved + rest.saved.drop { $0 == first.saved.last } == whole.saved)
    #expect(whole.events.map(\.epoch) == [1, 2, 3, 4])
    #expect(whole.events.map(\.step) == [3, 6, 9, 12])
    if schedule == .plateau {
      #expect(Set(whole.events.map(\.learningRate)).count > 1, "the plateau is never met")
    }
  }

  /// An error of the data, as of an image that can't be read: the step before it is done, and kept, whether or not it was due.
  @Test(arguments: [2, 4, 5], [AfterStep.goOn, .save, .stop])
  func fromTheStepBeforeDataThatFails(step: Int, after: AfterStep) throws {
    let whole = try Self.run(from: Self.begin(.plateau))
    let first = try Self.run(from: Self.begin(.plateau), dataFailsAfter: step) { $0 == step ? after : .goOn }
    #expect(first.steps.last == step)
    let last = try Checkpoint(bytes: #require(first.saved.last), path: "last").trainer
    #expect(last.step == step)
    let rest = try Self.goOn(first)
    #expect(first.steps + rest.steps == Array(1...12))
    #expect(rest.saved.last == whole.saved.last)
  }

  /// After every step of an epoch, its last one too; the epoch's figures are those of all its steps.
  @Test(arguments: ScheduleKind.allCases, [1, 2, 3, 5, 10, 11])
  func fromTheStepThatItStoppedAfter(schedule: ScheduleKind, step: Int) throws {
    let whole = try Self.run(from: Self.begin(schedule))
    let first = try Self.run(from: Self.begin(schedule)) { $0 == step ? .stop : .goOn }
    #expect(first.steps.last == step)
    let rest = try Self.goOn(first)
    #expect(first.steps + rest.steps == Array(1...12))
    #expect(rest.saved.last == whole.saved.last)
    func figures(_ events: [EpochResult]) -> [[Double]] {
      events.map {
        [Double($0.step), $0.loss, $0.trainingTop1, $0.signChange, Double($0.learningRate)]
      }
    }
    #expect(figures(first.events + rest.events) == figures(whole.events))
  }

  /// While an epoch is evaluated: by an error, as of the data, or a signal; or told to stop after its last step.
  @Test(arguments: [ScheduleKind.plateau, .cosine], [1, 2, 4])
  func fromBeforeAnEpochsFigures(schedule: ScheduleKind, epoch: Int) throws {
    func evaluation(_ model: CompactModel) -> Evaluation {
      var evaluation = Evaluation()
      let logits = [Float(model.fileBytes), 1]
      logits.withUnsafeBufferPointer { evaluation.add(logits: $0, labels: [0]) }
      return evaluation
    }
    let whole = try Self.run(from: Self.begin(schedule), validate: { evaluation($0) })
    #expect(whole.saved.count == 9, "one before the first epoch, one before and after each one's figures")
    func run(until end: any Error) throws -> Record {
      var begun = 0
      return try Self.run(
        from: Self.begin(schedule),
        validate: {
          begun += 1
          guard begun == epoch else { return evaluation($0) }
          throw end
        })
    }
    let atLastStep = try Self.run(
      from: Self.begin(schedule), afterStep: { $0 == epoch * 3 ? .stop : .goOn },
      validate: { evaluation($0) })
    for first in try [run(until: Failure()), run(until: TrainingRun.StoppedInValidation()), atLastStep] {
      let last = try Checkpoint(bytes: #require(first.saved.last), path: "last").trainer
      #expect(last.step == epoch * 3 && last.epoch == epoch - 1 && last.progress.steps == 3)
      let rest = try Self.run(from: last, validate: { evaluation($0) })
      #expect(first.saved + rest.saved == whole.saved)
      #expect(first.steps + rest.steps == Array(1...12))
      func figures(_ events: [EpochResult]) -> [[Double]] {
        events.map {
          [
            Double($0.epoch), Double($0.step), $0.loss, $0.trainingTop1, $0.signChange,
            Double($0.learningRate),
            $0.validation?.top1 ?? -1,
          ]
        }
      }
      #expect(figures(first.events + rest.events) == figures(whole.events))
    }
  }

  @Test func savingWithinEpochsChangesNothingElse() throws {
    let whole = try Self.run(from: Self.begin(.plateau))
    let often = try Self.run(from: Self.begin(.plateau)) { $0.isMultiple(of: 2) ? .save : .goOn }
    // After steps 2, 4, 8 and 10; that after 6 is the epoch's own.
    #expect(often.saved.count == 9 && Set(often.saved).isSuperset(of: whole.saved))
    #expect(often.saved.last == whole.saved.last)
  }
}

// SPDX-License-Identifier: Apache-2.0

package import Signet

/// What a run reports while it goes on.
package enum TrainingEvent: Sendable {
  case step(StepResult, epoch: Int)
  case epoch(EpochResult)
}

/// The figures of an epoch.
package struct EpochResult: Sendable {
  /// Counted from 1.
  package let epoch: Int
  package let step: Int
  package let loss: Double
  /// Share of training images whose logit was ahead, measured while the weights changed.
  package let trainingTop1: Double
  /// Measured with the packed engine on the compiled compact model; nil without held-out images.
  package let validation: Evaluation?
  package let learningRate: Float
  package let signChange: Double
  package let compactBytes: Int
}

/// The epochs of a run: train, compile, evaluate, save.
package struct TrainingRun {
  package var trainer: Trainer
  /// Gives the batches of an epoch, one a call; nil at the end.
  package var batches: (_ epoch: Int) throws -> () throws -> TrainingBatch?
  /// Evaluates a compact model on held-out images; nil if there are none.
  package var validate: (CompactModel) throws -> Evaluation?
  /// Keeps a checkpoint and the compact model that belongs to it.
  package var save: (_ checkpoint: Checkpoint, _ model: [UInt8]) throws -> Void
  package var observe: (TrainingEvent) throws -> Void

  package init(
    trainer: Trainer, batches: @escaping (_ epoch: Int) throws -> () throws -> TrainingBatch?,
    validate: @escaping (CompactModel) throws -> Evaluation?,
    save: @escaping (_ checkpoint: Checkpoint, _ model: [UInt8]) throws -> Void,
    observe: @escaping (TrainingEvent) throws -> Void
  ) {
    self.trainer = trainer
    self.batches = batches
    self.validate = validate
    self.save = save
    self.observe = observe
  }

  /// Trains from the trainer's epoch to the last one.
  package mutating func run(on context: ComputeContext) throws {
    // A network that the engine refuses is found now, not after the first epoch.
    let bytes = try trainer.compactModel()
    _ = try CompactModel(bytes: bytes, path: "the untrained model")
    if trainer.step == 0 { try save(Checkpoint(trainer), bytes) }
    while trainer.epoch < trainer.configuration.epochs { try runEpoch(on: context) }
  }

  private mutating func runEpoch(on context: ComputeContext) throws {
    let next = try batches(trainer.epoch)
    var (loss, change) = (0.0, 0.0)
    var (images, correct, steps) = (0, 0, 0)
    var rate: Float = 0
    while let batch = try next() {
      let result = try trainer.train(batch, on: context)
      loss += result.loss * Double(result.images)
      change += SignChange.share(result.signChanges)
      images += result.images
      correct += result.correct
      steps += 1
      rate = result.learningRate
      try observe(.step(result, epoch: trainer.epoch + 1))
    }
    guard images > 0 else {
      throw TrainingError(.badRun, "an epoch has no images; give more data or a smaller batch")
    }
    trainer.epoch += 1
    trainer.schedule.epochEnded(loss: loss / Double(images))
    let bytes = try trainer.compactModel()
    let validation = try validate(CompactModel(bytes: bytes, path: "the model in training"))
    try observe(
      .epoch(
        EpochResult(
          epoch: trainer.epoch, step: trainer.step, loss: loss / Double(images),
          trainingTop1: Double(correct) / Double(images), validation: validation, learningRate: rate,
          signChange: change / Double(steps), compactBytes: bytes.count)))
    try save(Checkpoint(trainer), bytes)
  }
}

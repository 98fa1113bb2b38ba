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

/// What a run does after a step.
package enum AfterStep: Sendable {
  case goOn
  /// Save, and go on.
  case save
  /// Save, and end.
  case stop
}

/// The epochs of a run: train, compile, evaluate, save.
package struct TrainingRun {
  package var trainer: Trainer
  /// Gives the batches of an epoch from batch `first` on, one a call; nil at the end.
  package var batches: (_ epoch: Int, _ first: Int) throws -> () throws -> TrainingBatch?
  /// Evaluates a compact model on held-out images; nil if there are none.
  ///
  /// The epoch's steps were observed before.
  package var validate: (CompactModel) throws -> Evaluation?
  /// Keeps a checkpoint and the compact model that belongs to it.
  package var save: (_ checkpoint: Checkpoint, _ model: [UInt8]) throws -> Void
  package var observe: (TrainingEvent) throws -> Void
  /// Asked after each step; after the last one of an epoch the run saves in any case.
  package var afterStep: (StepResult) throws -> AfterStep

  package init(
    trainer: Trainer,
    batches: @escaping (_ epoch: Int, _ first: Int) throws -> () throws -> TrainingBatch?,
    validate: @escaping (CompactModel) throws -> Evaluation?,
    save: @escaping (_ checkpoint: Checkpoint, _ model: [UInt8]) throws -> Void,
    observe: @escaping (TrainingEvent) throws -> Void,
    afterStep: @escaping (StepResult) throws -> AfterStep = { _ in .goOn }
  ) {
    self.trainer = trainer
    self.batches = batches
    self.validate = validate
    self.save = save
    self.observe = observe
    self.afterStep = afterStep
  }

  /// Trains from where the trainer is to the end of the last epoch, or until it is told to stop.
  package mutating func run(on context: ComputeContext) throws {
    // A network that the engine refuses is found now, not after the first epoch.
    let bytes = try trainer.compactModel()
    _ = try CompactModel(bytes: bytes, path: "the untrained model")
    try context.group?.checkAgreement(of: trainer, on: context, atStart: true)
    if trainer.step == 0 { try keep(bytes) }
    while !trainer.isFinished {
      if try runEpoch(on: context) == .stop { return }
    }
  }

  private mutating func runEpoch(on context: ComputeContext) throws -> AfterStep {
    let next = try batches(trainer.epoch, trainer.progress.steps)
    var (rate, after): (Float, AfterStep) = (0, .goOn)
    var batch = try next()
    while let current = batch {
      let result = try trainer.train(current, on: context)
      rate = result.learningRate
      try observe(.step(result, epoch: trainer.epoch + 1))
      after = try afterStep(result)
      if let group = context.group { after = try group.agreed(after) }
      // Nothing is saved between an epoch's last step and its figures.
      do {
        batch = try next()
      } catch {
        // The data's failure comes after a step that is done: nothing of it is lost. What it says counts more than that of saving.
        try? keep(trainer.compactModel())
        throw error
      }
      guard batch != nil else { break }
      if after != .goOn { try keep(try trainer.compactModel()) }
      if after == .stop { return .stop }
    }
    let progress = trainer.progress
    guard progress.images > 0 else {
      throw TrainingError(.badRun, "an epoch has no images; give more data or a smaller batch")
    }
    let loss = progress.loss / Double(progress.images)
    trainer.endEpoch(loss: loss)
    try context.group?.checkAgreement(of: trainer, on: context, atStart: false)
    let bytes = try trainer.compactModel()
    let validation = try validate(CompactModel(bytes: bytes, path: "the model in training"))
    try observe(
      .epoch(
        EpochResult(
          epoch: trainer.epoch, step: trainer.step, loss: loss,
          trainingTop1: Double(progress.correct) / Double(progress.images), validation: validation,
          learningRate: rate, signChange: progress.signChange / Double(progress.steps),
          compactBytes: bytes.count)))
    try keep(bytes)
    return after
  }

  private mutating func keep(_ model: [UInt8]) throws {
    try save(Checkpoint(trainer), model)
    trainer.savedStep = trainer.step
  }
}

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
  /// The run was to stop while it evaluated: the epoch has no figures yet.
  package struct StoppedInValidation: Error {
    package init() {}
  }

  package var trainer: Trainer
  /// Gives the batches of an epoch from batch `first` on, one a call; nil at the end.
  package var batches: (_ epoch: Int, _ first: Int) throws -> () throws -> TrainingBatch?
  /// Whether there are held-out images, alike on all ranks: a checkpoint is saved before they are evaluated.
  package var hasValidation: Bool
  /// Evaluates a compact model on held-out images; nil if another rank does.
  ///
  /// It may throw ``StoppedInValidation``; the run ends then as after a step.
  package var validate: (CompactModel) throws -> Evaluation?
  /// Keeps a checkpoint and the compact model that belongs to it.
  package var save: (_ checkpoint: Checkpoint, _ model: [UInt8]) throws -> Void
  package var observe: (TrainingEvent) throws -> Void
  /// Asked after each step; after the last one of an epoch the run saves in any case.
  package var afterStep: (StepResult) throws -> AfterStep

  package init(
    trainer: Trainer,
    batches: @escaping (_ epoch: Int, _ first: Int) throws -> () throws -> TrainingBatch?,
    hasValidation: Bool,
    validate: @escaping (CompactModel) throws -> Evaluation?,
    save: @escaping (_ checkpoint: Checkpoint, _ model: [UInt8]) throws -> Void,
    observe: @escaping (TrainingEvent) throws -> Void,
    afterStep: @escaping (StepResult) throws -> AfterStep = { _ in .goOn }
  ) {
    self.trainer = trainer
    self.batches = batches
    self.hasValidation = hasValidation
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
    var after = AfterStep.goOn
    var batch = try nextBatch(from: next, agreeing: &after, in: context.group)
    while let current = batch {
      let result = try trainer.train(current, on: context)
      try observe(.step(result, epoch: trainer.epoch + 1))
      after = try afterStep(result)
      batch = try nextBatch(from: next, agreeing: &after, in: context.group)
      guard batch != nil else { break }
      if after != .goOn { try keep(trainer.compactModel()) }
      if after == .stop { return .stop }
    }
    return try endEpoch(after, on: context)
  }

  /// The next batch; `after` becomes what all ranks do.
  ///
  /// Data that fail on one rank end the run on all of them, but not before the first one has kept the steps that are done.
  private mutating func nextBatch(
    from next: () throws -> TrainingBatch?, agreeing after: inout AfterStep, in group: ShardGroup?
  ) throws -> TrainingBatch? {
    let batch = Result { try next() }
    var hasFailed = if case .failure = batch { true } else { false }
    if let group { (after, hasFailed) = try group.agreed(after, hasFailed: hasFailed) }
    guard hasFailed else { return try batch.get() }
    // What the data's error says counts more than that of saving.
    if trainer.savedStep < trainer.step { try? keep(trainer.compactModel()) }
    // A rank that throws ends the others' processes: it waits until the first one has kept everything.
    _ = try? group?.agreed(.stop, hasFailed: true)
    _ = try batch.get()
    throw TrainingError.elsewhere
  }

  /// What follows the last step of an epoch, where a run may also go on.
  private mutating func endEpoch(_ after: AfterStep, on context: ComputeContext) throws -> AfterStep {
    let progress = trainer.progress
    guard progress.images > 0 else {
      throw TrainingError(.badRun, "an epoch has no images; give more data or a smaller batch")
    }
    try context.group?.checkAgreement(of: trainer, on: context, atStart: false)
    let bytes = try trainer.compactModel()
    var validation: Evaluation?
    if hasValidation {
      // It may take long, be stopped, and fail.
      if trainer.savedStep < trainer.step { try keep(bytes) }
      var wish = after
      if after != .stop {
        do {
          validation = try validate(CompactModel(bytes: bytes, path: "the model in training"))
        } catch is StoppedInValidation {
          wish = .stop
        }
        if let group = context.group { wish = try group.agreed(wish).after }
      }
      if wish == .stop { return .stop }
    }
    let loss = progress.loss / Double(progress.images)
    let rate = trainer.schedule.rate(at: trainer.step - 1)
    trainer.endEpoch(loss: loss)
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

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import SignetTraining

/// A run of training with its folder: images in, checkpoint, model and figures out.
struct TrainingJob {
  let folder: RunFolder
  let configuration: RunConfiguration
  /// What is learned from, and what the accuracy of each epoch is measured on.
  let (training, held): (any ImageSource, any ImageSource)
  /// The state that the run goes on from.
  let trainer: Trainer
  let batches: TrainingBatches
  private let isNew: Bool
  private let crew: Crew
  private let skipped: SkippedImages?

  var stepsPerEpoch: Int { batches.loader.batchesPerEpoch }

  /// Prepares a new run, or one that goes on from what its checkpoint holds; makes no file yet.
  ///
  /// `images` are the data's training part, from which the configuration's share is held out; `skipped` is the list of unreadable
  /// files that the folder keeps.
  init(
    folder: RunFolder, configuration: RunConfiguration, images: any ImageSource, stored: Trainer?,
    crew: Crew, skipped: SkippedImages? = nil
  ) throws {
    self.folder = folder
    self.configuration = configuration
    self.crew = crew
    self.skipped = skipped
    (training, held) = try images.heldOut(count: configuration.validation, seed: configuration.seed)
    batches = try TrainingBatches(training, configuration, workers: crew.pool.threads)
    isNew = stored == nil
    trainer = try stored ?? Trainer(configuration, stepsPerEpoch: batches.loader.batchesPerEpoch)
    let (steps, partial) = (batches.loader.batchesPerEpoch, trainer.progress.steps)
    guard partial < steps, trainer.step == trainer.epoch * steps + partial else {
      throw TrainingError(
        .badRun,
        "\(folder.checkpointPath): \(counted(trainer.epoch, "epoch")) of \(counted(steps, "step"))\(partial > 0 ? " and \(partial)" : "") are not \(counted(trainer.step, "step")); use another checkpoint"
      )
    }
  }

  /// Trains to the last epoch, or to the step after which `shouldStop` says so, and keeps everything in the folder.
  ///
  /// An error that `observe` throws ends the run without a checkpoint.
  func run(
    checkpoints: CheckpointPlan = CheckpointPlan(), started: () -> Void,
    observe: @escaping (TrainingEvent) throws -> Void,
    shouldStop: @escaping () throws -> Bool = { StopSignal.isAsked }
  ) throws -> Trainer {
    if isNew { try folder.create(configuration) }
    let log = try RunLog(folder: folder, after: isNew ? nil : trainer.step)
    started()
    let isDue = checkpoints.pace.clock()
    var run = TrainingRun(
      trainer: trainer, batches: batches.epoch,
      validate: { [held, crew] model in
        guard held.count > 0 else { return nil }
        return try Engine(model, crew: crew, batch: 64).evaluate(held, batchSize: 64).evaluation
      },
      save: { [folder, skipped] checkpoint, model in
        try log.flush()
        try folder.save(skipped: skipped)
        try folder.save(checkpoint: checkpoint, model: model, keeping: checkpoints.kept)
      },
      observe: { event in
        try log.write(event)
        try observe(event)
      },
      afterStep: { step in try shouldStop() ? .stop : isDue(step.step) ? .save : .goOn })
    do {
      try run.run(on: context())
    } catch {
      // The steps up to the error tell what led to it, as do files that were passed over; the error itself is what counts.
      try? log.close()
      try? folder.save(skipped: skipped)
      throw error
    }
    try log.close()
    return run.trainer
  }

  /// What the run computes with.
  func context() throws -> ComputeContext {
    try ComputeContext(crew: crew, precision: configuration.precision ?? .float32)
  }
}

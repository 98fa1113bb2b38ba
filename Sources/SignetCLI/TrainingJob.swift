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
  /// How batches are cut into shards, on this rank and others; nil if they are not.
  private let group: ShardGroup?
  /// Whether the run goes on with other shards than it had, which its checkpoint does not have yet.
  private let hasOtherShards: Bool
  /// Whether this rank keeps the run; others only train.
  private var writes: Bool { group?.collective.rank ?? 0 == 0 }
  private let skipped: SkippedImages?

  var stepsPerEpoch: Int { batches.loader.batchesPerEpoch }

  /// Prepares a new run, or one that goes on from what its checkpoint holds; makes no file yet.
  ///
  /// `images` are the data's training part, from which the configuration's share is held out; `teacher` is who the run learns from, if
  /// its configuration says so; `skipped` is the list of unreadable files that the folder keeps.
  init(
    folder: RunFolder, configuration: RunConfiguration, images: any ImageSource, stored: Trainer?,
    teacher: CompactModel? = nil, crew: Crew, group: ShardGroup? = nil, hasOtherShards: Bool = false,
    skipped: SkippedImages? = nil
  ) throws {
    self.folder = folder
    self.configuration = configuration
    self.crew = crew
    self.group = group
    self.hasOtherShards = hasOtherShards
    self.skipped = skipped
    (training, held) = try images.heldOut(count: configuration.validation, seed: configuration.seed)
    batches = try TrainingBatches(training, configuration, workers: crew.pool.threads, group: group)
    // Of data that make up one batch that is not full, all are its images.
    let (step, shards) = (min(configuration.batchSize, training.count), configuration.shards ?? 1)
    guard step >= shards else {
      throw TrainingError(
        .badRun,
        "\(counted(step, "image")) to train on can't be cut into \(shards) shards; give more data, or fewer shards or ranks"
      )
    }
    isNew = stored == nil
    var trainer = try stored ?? Trainer(configuration, stepsPerEpoch: batches.loader.batchesPerEpoch)
    if let teacher { try trainer.learn(from: Teacher(teacher, for: configuration, crew: crew)) }
    self.trainer = trainer
    let (steps, partial) = (batches.loader.batchesPerEpoch, trainer.progress.steps)
    // After its last step an epoch may still lack its figures.
    guard partial <= steps, trainer.step == trainer.epoch * steps + partial else {
      throw TrainingError(
        .badRun,
        "\(folder.checkpointPath): \(counted(trainer.epoch, "epoch")) of \(counted(steps, "step"))\(partial > 0 ? " and \(partial)" : "") are not \(counted(trainer.step, "step")); use another checkpoint"
      )
    }
  }

  /// Trains to the last epoch, or to the step after which, or the evaluation during which, `shouldStop` says so; keeps everything in the folder.
  ///
  /// An error that `observe` throws ends the run without a checkpoint.
  func run(
    checkpoints: CheckpointPlan = CheckpointPlan(), started: () -> Void,
    observe: @escaping (TrainingEvent) throws -> Void,
    shouldStop: @escaping () throws -> Bool = { StopSignal.isAsked }
  ) throws -> Trainer {
    var isConfigurationDue = writes && hasOtherShards
    if isNew, writes {
      try folder.create(configuration, checkpoints: checkpoints)
    } else if writes, !isConfigurationDue {
      try folder.write(configuration, checkpoints: checkpoints)
    }
    let log = writes ? try RunLog(folder: folder, after: isNew ? nil : trainer) : nil
    started()
    let isDue = checkpoints.pace.clock()
    var run = TrainingRun(
      trainer: trainer, batches: batches.epoch,
      hasValidation: held.count > 0,
      validate: { [held, crew] model in
        guard log != nil else { return nil }
        return try Engine(model, crew: crew, batch: 64).evaluate(held, batchSize: 64) {
          if try shouldStop() { throw TrainingRun.StoppedInValidation() }
        }.evaluation
      },
      save: { [folder, configuration, group, skipped] checkpoint, model in
        // All ranks save at the same steps, each with what it passed over.
        if let group { try skipped?.gather(from: group.collective) }
        guard let log else { return }
        try log.flush()
        try folder.save(skipped: skipped)
        try folder.save(checkpoint: checkpoint, model: model, keeping: checkpoints.kept)
        // Not before there is a checkpoint that has them.
        if isConfigurationDue { try folder.write(configuration, checkpoints: checkpoints) }
        isConfigurationDue = false
      },
      observe: { event in
        try log?.write(event)
        try observe(event)
      },
      afterStep: { step in try shouldStop() ? .stop : isDue(step.step) ? .save : .goOn })
    do {
      try run.run(on: context())
    } catch {
      // The steps up to the error tell what led to it, as do files that were passed over; the error itself is what counts.
      try? log?.close()
      if writes { try? folder.save(skipped: skipped) }
      throw error
    }
    try log?.close()
    return run.trainer
  }

  /// What the run computes with.
  func context() throws -> ComputeContext {
    try ComputeContext(crew: crew, precision: configuration.precision ?? .float32, group: group)
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetData
import SignetTraining

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network and keep a run: checkpoint, compact model, metrics, TensorBoard curves.",
    discussion:
      "A new run needs --data, --network, --epochs and --output; to go on with one, --resume and --output are enough. mpirun -n 4 signet train … shares each batch out among four processes, in a build with the trait MPI."
  )

  @OptionGroup var data: DataOptions

  @Option(
    help:
      "\(NetworkDescription.builtIn.map(\.name).joined(separator: ", ")), or a YAML file. Required for a new run."
  )
  var network: String?

  @OptionGroup var width: WidthOptions
  @OptionGroup var method: MethodOptions

  @Option(parsing: .unconditional, help: "Passes over the training images. Required for a new run.")
  var epochs: Int?

  @Option(
    name: .customLong("output"),
    help: "The run's folder: a new or an empty one, or that of the run to --resume. Required.")
  var givenOutput: String?
  var output: String { givenOutput ?? "" }

  @Option(parsing: .unconditional, help: "Images of a step, on all processes together; 64 if not given.")
  var batchSize: Int?

  @Option(parsing: .unconditional, help: "The initial learning rate; the method's own if not given.")
  var learningRate: Float?

  @Option(
    help:
      "How it goes on: \(ScheduleKind.allCases.map(\.rawValue).joined(separator: ", ")); the method's own if not given."
  )
  var schedule: ScheduleKind?

  @Option(help: "bipolar:X, l2:X or none; the method's own if not given.")
  var regularizer: Regularizer?

  @Option(
    parsing: .unconditional,
    help: "Training images held out to measure each epoch's accuracy; 0 if not given.")
  var validation: Int?

  @Option(
    help: ArgumentHelp(
      "How training images are changed at random: \(Augmentation.forms); resized-crop-flip for photographs that stay in their files, crop-flip for cifar10, cifar100 and other folders, else none, if not given.",
      valueName: "kind"))
  var augmentation: Augmentation?

  @Option(parsing: .unconditional, help: "What all random choices derive from; 1 if not given.")
  var seed: UInt64?

  @Option(
    help:
      "What training's products are computed with: \(Precision.allCases.map(\.rawValue).joined(separator: ", ")); int8, or fp32 for full-precision, if not given."
  )
  var precision: Precision?

  @Flag(help: "Go on where the run in --output stopped; options are the run's own.")
  var resume = false

  @OptionGroup var teaching: TeacherOptions
  @OptionGroup var sharding: ShardOptions
  @OptionGroup var checkpoints: CheckpointOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var printing: OutputOptions

  func validate() throws {
    try Launch.current.check()
    try sharding.checkSuffice()
    if !resume { try teaching.checkAreTogether() }
    try checkNothingIsMissing()
    if let epochs, !(1...1_000_000).contains(epochs) {
      throw ValidationError("--epochs \(epochs): give a number from 1 to 1000000")
    }
    if let batchSize, !(1...65536).contains(batchSize) {
      throw ValidationError("--batch-size \(batchSize): give a number from 1 to 65536")
    }
    if let learningRate, !learningRate.isFinite || learningRate <= 0 {
      throw ValidationError("--learning-rate \(learningRate): give a positive number")
    }
    guard !output.isEmpty else { throw ValidationError("--output is empty; name the run's folder") }
    if let validation, validation < 0 {
      throw ValidationError("--validation \(validation): give 0 or a positive number")
    }
  }

  struct Result: Encodable {
    let output: String
    let epochs: Int
    let steps: Int
    let loss: Double?
    let validationTop1: Double?
    let fileBytes: Int?
    let seconds: Double
    let secondsWaitingForData: Double
    /// Where batches are cut into shards.
    var ranks: Int?
    var shards: Int?
    /// How long training stood still for the numbers of other ranks.
    var secondsWaitingForReductions: Double?
    /// How long gradients were added and on their way, mostly while the backward pass went on.
    var secondsReducing: Double?
    let dataWaitShare: Double
    let loaderImagesPerSecond: Double
    let skippedImages: Int?
  }

  func run() throws {
    StopSignal.catchOnce()
    try Ranks.run(train)
  }

  private func train(on ranks: Ranks) throws {
    let folder = RunFolder(output)
    let crew = try threads.crew()
    if ranks.isFirst { try folder.lockOut() }
    var stored = resume ? try ranks.checkpoint(of: folder, tell: Self.tell).trainer : nil
    if stored == nil, ranks.isFirst { try folder.checkIsFree() }
    // A run that stopped at an unreadable file may go on without it; one that passes over such files always does.
    if data.skipUnreadable { stored?.skipUnreadable() }
    let skips = stored.map { $0.configuration.skipUnreadable == true } ?? data.skipUnreadable
    let skipped = skips ? SkippedImages(continuing: resume ? folder.skippedText : "") : nil
    DataMemory.share(among: Launch.current.localRanks)
    // A run that is finished needs none.
    let isFinished = stored?.isFinished ?? false
    let teacher = isFinished ? nil : try teaching.model(of: stored?.configuration.distillation)
    var (configuration, images) = try ranks.firstThenOthers {
      try stored.map { try resumed($0.configuration, skipped: skipped) }
        ?? fresh(
          shards: sharding.count(ranks: ranks.count, batchSize: batchSize ?? 64),
          distillation: teaching.distillation(by: teacher), skipped: skipped)
    }
    var hasOtherShards = false
    if var trainer = stored, ranks.count > trainer.configuration.shards ?? 1 {
      let started = trainer.configuration.shards ?? 1
      try trainer.cut(into: ranks.count)
      (stored, configuration, hasOtherShards) = (trainer, trainer.configuration, true)
      if ranks.isFirst {
        Self.tell(
          "the run goes on in \(ranks.count) shards, of which it had \(started): its bits are not those of a run with \(started)"
        )
      }
    }
    let group = try ranks.group(configuration)
    let job = try TrainingJob(
      folder: folder, configuration: configuration, images: images, stored: stored, teacher: teacher,
      crew: crew, group: group,
      hasOtherShards: hasOtherShards, skipped: skipped)
    let progress = ProgressLine(
      epochs: configuration.epochs, stepsPerEpoch: job.stepsPerEpoch, firstStep: job.trainer.step)
    progress.data = { [batches = job.batches] in batches.summary }
    let clock = ContinuousClock()
    let start = clock.now
    let isContinued = stored != nil
    var last: EpochResult?
    let trainer = try advising(on: job) {
      try job.run(
        checkpoints: checkpoints.plan(goingOnIn: resume ? folder : nil),
        started: {
          guard ranks.isFirst else { return }
          print(
            "\(configuration.network.title) by \(configuration.method.name): \(counted(job.training.count, "image")), \(counted(job.stepsPerEpoch, "step")) an epoch, \(counted(crew.pool.threads, "thread")), seed \(configuration.seed); images of \(configuration.inputShape), augmentation \(job.batches.loader.augmentation)\(configuration.distillation.map { ", teacher \(teaching.teacher ?? $0.teacher)" } ?? "")\(group.map { "; \($0)" } ?? "")"
          )
          if isContinued {
            let (step, epoch) = (job.trainer.step, job.trainer.epoch + 1)
            print(
              job.trainer.isFinished
                ? "finished before: \(counted(configuration.epochs, "epoch")) of \(counted(job.stepsPerEpoch, "step")) are done; a longer run is a new one"
                : "goes on after step \(step), in epoch \(min(epoch, configuration.epochs)) of \(configuration.epochs)"
            )
          }
        },
        observe: { event in
          if ranks.isFirst { progress.show(event) }
          if case .epoch(let result) = event { last = result }
        })
    }
    guard ranks.isFirst else {
      if !trainer.isFinished { throw ExitCode(130) }
      return
    }
    var result = Result(
      output: output, epochs: trainer.epoch, steps: trainer.step, loss: last?.loss,
      validationTop1: last?.validation?.top1, fileBytes: last?.compactBytes,
      seconds: start.duration(to: clock.now).seconds, secondsWaitingForData: job.batches.waited.seconds,
      dataWaitShare: job.batches.waitShare, loaderImagesPerSecond: job.batches.imagesPerSecond,
      skippedImages: skipped?.count)
    if let group {
      (result.ranks, result.shards) = (ranks.count, group.shards)
      result.secondsWaitingForReductions = group.times.waited.seconds
      result.secondsReducing = group.times.reduced.seconds
    }
    if let skipped, skipped.count > 0 {
      Self.tell("\(counted(skipped.count, "image")) can't be read: listed in \(folder.skippedPath)")
    }
    try printing.print(result) {
      guard trainer.isFinished else { return }
      let waited =
        ranks.count > 1
        ? ", of which \(String.fixed(group?.times.waited.seconds ?? 0, 1)) s waiting for other ranks" : ""
      print(
        "\(output): \(counted(result.epochs, "epoch")), \(counted(result.steps, "step")), \(String.fixed(result.seconds, 1)) s\(waited)"
      )
    }
    guard trainer.isFinished else {
      Self.tell(
        "stopped after step \(trainer.step), in epoch \(trainer.epoch + 1) of \(configuration.epochs); signet train --resume --output \(output)\(resume ? teaching.repeated : "") goes on"
      )
      throw ExitCode(130)
    }
  }

  static func tell(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetData
import SignetStudy
import SignetTraining

/// One process that works on a study: brings data, training, engine and the study's plan together.
final class StudySessionRun {
  let runner: StudyRunner
  private let folder: StudyFolder
  private let images: any ImageSource
  private let test: any ImageSource
  private let crew: Crew
  /// The image files that could not be read, if such files are passed over.
  let skipped: SkippedImages?

  /// Loads the data, and plans a new study or finds out where one goes on.
  init(_ command: StudyCommand) throws {
    let clock = ContinuousClock()
    let start = clock.now
    func now() -> Double { start.duration(to: clock.now).seconds }
    let folder = StudyFolder(command.output)
    let crew = try command.threads.crew()
    try folder.lockOut()
    let stored = try folder.state()
    try stored.map {
      try command.options.check(
        against: $0, study: command.name, data: command.data.data,
        skipUnreadable: command.data.skipUnreadable, output: command.output)
    }
    let spec = try stored.map { try DataSpec(parsing: $0.settings.data) } ?? command.data.spec()
    let option = stored?.settings.networkOption ?? command.options.network ?? StudyOptions.defaultNetwork
    // The description is the study's; a file by that name may be gone or changed.
    let network =
      try stored.map { NetworkFile($0.settings.network) }
      ?? NetworkFile(option, width: command.options.width.width)
    let skips = stored.map { $0.settings.skipUnreadable == true } ?? command.data.skipUnreadable
    let skipped = skips ? SkippedImages(continuing: folder.skippedText) : nil
    let root = command.data.dataRoot
    // All runs have the same images.
    let images =
      try stored?.runs.first.map { try spec.images(of: $0.configuration, root: root, skipped: skipped) }
      ?? network.trainingImages(of: spec, root: root, skipped: skipped)
    let settings =
      stored?.settings
      ?? command.options.settings(
        data: spec, network: network.description, images: images, skipUnreadable: skips)
    let test = try spec.open(split: .test, root: root, fit: .layout(images.layout), skipped: skipped)
    guard test.classNames == images.classNames else {
      throw DataError(
        .invalidArgument, "\(images.name): its training and test parts have different classes; mend the data")
    }
    let preparation = StudyPreparation(settings, images: images, folder: folder)
    var epochs = stored?.epochs ?? settings.epochs
    let plan = StudyPlan(command.name, settings)
    try StopSignal.check()
    if let budget = command.timeBudget, stored == nil {
      epochs = try preparation.epochs(of: plan, within: budget, test: test, crew: crew, used: now())
    }
    let fresh = StudyState(
      command.name, settings, epochs: epochs, signetVersion: SignetCommand.configuration.version,
      runs: try preparation.runs(of: plan, epochs: epochs))
    if let stored { try fresh.checkContinues(stored, path: folder.statePath) }
    if stored == nil { try folder.make() }
    (self.folder, self.images, self.test, self.crew) = (folder, images, test, crew)
    self.skipped = skipped
    Self.announce(stored ?? fresh, plan: plan, isNew: stored == nil, threads: crew.pool.threads)
    runner = try StudyRunner(
      stored ?? fresh,
      session: StudySession(
        started: Date.now.formatted(.iso8601), machine: Self.machine(crew)),
      budget: command.timeBudget, spent: now(), now: now,
      save: {
        try folder.save(skipped: skipped)
        try folder.write($0, pages: $1)
      })
    if stored != nil, let budget = command.timeBudget, let left = runner.remaining {
      print(
        "about \(DurationText.long(left)) to go; of the time budget of \(budget), \(DurationText.long(max(0, budget.seconds - runner.used))) are left"
      )
    }
  }

  /// Does what is left.
  func run() throws {
    try runner.run { record, number in
      try StopSignal.check()
      return try perform(record, number: number)
    }
  }

  var whatIsKept: String {
    let state = runner.state
    return
      "\(state.done) of \(counted(state.runs.count, "run")) are done and in \(folder.path); the run in work keeps its steps"
  }

  private func perform(_ record: RunRecord, number: Int) throws -> RunOutcome {
    let (runFolder, configuration) = (folder.run(record), record.configuration)
    let stored = try folder.stored(record, in: runFolder)
    let job = try TrainingJob(
      folder: runFolder, configuration: configuration, images: images, stored: stored, crew: crew)
    let total = runner.state.runs.count
    let progress = ProgressLine(
      epochs: configuration.epochs, stepsPerEpoch: job.stepsPerEpoch, firstStep: job.trainer.step,
      prefix: "[\(number)/\(total)] ")
    progress.suffix = { [runner] in
      runner.remaining.map { "  study \(DurationText.long($0)) left" } ?? ""
    }
    let clock = ContinuousClock()
    var epochStart = clock.now
    runner.epochEnded(job.trainer.epoch, seconds: nil)
    // Of an epoch that a session before began, this one sees a part.
    var isWhole = job.trainer.progress.steps == 0
    let trainer = try job.run(
      checkpoints: stored == nil ? CheckpointPlan() : runFolder.checkpoints,
      started: {
        print(
          "[\(number)/\(total)] \(record.label), seed \(record.seed): \(counted(configuration.epochs, "epoch")) of \(counted(job.stepsPerEpoch, "step"))\(job.trainer.epoch > 0 ? ", from epoch \(job.trainer.epoch + 1)" : "")"
        )
        fflush(nil)
      },
      observe: { [runner] event in
        if case .epoch(let result) = event {
          let now = clock.now
          runner.epochEnded(result.epoch, seconds: isWhole ? epochStart.duration(to: now).seconds : nil)
          (epochStart, isWhole) = (now, true)
        }
        progress.show(event)
      },
      shouldStop: { [runner] in
        // Asked again when the run has kept its checkpoint.
        do { try runner.checkTime() } catch is TimeBudgetUsedUp { return true }
        return StopSignal.isAsked
      })
    try StopSignal.check()
    try runner.checkTime()
    let model = try CompactModel(path: runFolder.modelPath)
    let evaluation = try Engine(model, crew: crew, batch: 64).evaluate(test, batchSize: 64).evaluation
    let outcome = RunOutcome(
      lines: MetricsLine.lines(in: try AtomicFile.read(runFolder.metricsPath)).lines, trainer: trainer,
      report: ModelReport(model), test: evaluation,
      millisecondsPerImage: try milliseconds(of: model))
    print(
      "[\(number)/\(total)] \(record.label), seed \(record.seed): test top-1 \(String.fixed(evaluation.top1 * 100, 2)) %, \(outcome.fileBytes) bytes"
    )
    fflush(nil)
    return outcome
  }

  /// Of one image in the engine, alone.
  private func milliseconds(of model: CompactModel) throws -> Double {
    EngineBenchmark(try Engine(model, crew: crew, batch: 1), effort: .short).whole.median
  }

  private static func announce(_ state: StudyState, plan: StudyPlan, isNew: Bool, threads: Int) {
    let s = state.settings
    let begun = isNew ? "" : "; \(state.done) are done"
    print(
      "\(state.study.rawValue) with \(s.network.title) on \(s.data): \(counted(state.runs.count, "run")) of \(counted(state.epochs, "epoch")), \(counted(s.seeds.count, "seed")), \(counted(threads, "thread"))\(begun)"
    )
    for part in plan.parts {
      print("  \(part.name.rawValue): \(part.variants.map(\.title).joined(separator: "; "))")
    }
    fflush(nil)
  }

  private static func machine(_ crew: Crew) -> StudySession.Machine {
    let process = ProcessInfo.processInfo
    return StudySession.Machine(
      processor: Processor.name, cores: process.activeProcessorCount, threads: crew.pool.threads,
      isa: crew.table.isa.rawValue, memoryBytes: process.physicalMemory,
      system: process.operatingSystemVersionString)
  }
}

extension BenchmarkEffort {
  /// For a figure beside others, not for a figure of its own.
  static var short: BenchmarkEffort {
    var effort = BenchmarkEffort()
    (effort.warmUpMilliseconds, effort.measuredMilliseconds) = (50, 250)
    effort.measuresPeaks = false
    return effort
  }
}

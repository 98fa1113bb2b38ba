// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import SignetStudy
import SignetTraining

/// A study's runs with all their settings, and what they are expected to take.
struct StudyPreparation {
  private let settings: StudySettings
  private let images: any ImageSource
  private let folder: StudyFolder

  init(_ settings: StudySettings, images: any ImageSource, folder: StudyFolder) {
    self.settings = settings
    self.images = images
    self.folder = folder
  }

  /// The runs of a plan.
  func runs(of plan: StudyPlan, epochs: Int) throws -> [RunRecord] {
    // Mean and deviation depend on what is held out, and that on the seed.
    var known: [UInt64: [Bool: Preprocessing]] = [:]
    return try plan.runs.map { run in
      let ofBytes = run.method.firstLayer == .int8
      let preprocessing =
        try known[run.seed]?[ofBytes]
        ?? Preprocessing(of: images, validation: settings.validation, seed: run.seed, for: run.method)
      known[run.seed, default: [:]][ofBytes] = preprocessing
      let configuration = try configuration(run, epochs: epochs, preprocessing: preprocessing)
      return RunRecord(
        run, configuration: configuration,
        command: TrainCommandText.text(
          configuration, networkOption: settings.networkOption, output: "\(folder.path)-again/\(run.folder)"))
    }
  }

  private func configuration(
    _ run: PlannedRun, epochs: Int, preprocessing: Preprocessing
  ) throws -> RunConfiguration {
    try RunConfiguration(
      data: settings.data, network: settings.network, method: run.method, preprocessing: preprocessing,
      classNames: images.classNames, epochs: epochs, batchSize: settings.batchSize,
      validation: settings.validation, seed: run.seed,
      precision: settings.precision ?? RunConfiguration.defaultPrecision(of: run.method),
      augmentation: settings.augmentation, dataDigest: images.digest,
      skipUnreadable: settings.skipUnreadable == true
    ).validated()
  }

  /// How many epochs a time budget allows, from steps of each kind of run that are timed here.
  func epochs(
    of plan: StudyPlan, within budget: TimeBudget, test: any ImageSource, crew: Crew, used: Double
  ) throws -> Int {
    let clock = ContinuousClock()
    let start = clock.now
    var costs: [String: TimeBudget.Cost] = [:]
    for record in try runs(of: plan, epochs: settings.epochs) where costs[record.label] == nil {
      print("timing \(record.label)")
      costs[record.label] = try cost(record, test: test, crew: crew)
    }
    let all = plan.runs.compactMap { costs[$0.label] }
    let spent = used + start.duration(to: clock.now).seconds
    let epochs = try budget.epochs(wanted: settings.epochs, runs: all, used: spent)
    let whole = TimeBudget.seconds(of: all, epochs: settings.epochs)
    let advice =
      epochs == settings.epochs
      ? "which fits into the time budget of \(budget)"
      : "which does not fit into the time budget of \(budget): each run gets \(counted(epochs, "epoch")) instead, about \(DurationText.long(TimeBudget.seconds(of: all, epochs: epochs)))"
    print(
      "\(counted(all.count, "run")) of \(counted(settings.epochs, "epoch")) take about \(DurationText.long(whole)), \(advice)"
    )
    return epochs
  }

  /// Times a few steps, and the engine on a few images, of a run of which nothing is kept.
  private func cost(_ record: RunRecord, test: any ImageSource, crew: Crew) throws -> TimeBudget.Cost {
    let job = try TrainingJob(
      folder: folder.run(record), configuration: record.configuration, images: images, stored: nil, crew: crew
    )
    var trainer = job.trainer
    let (context, next, clock) = (try job.context(), job.batches.epoch(0), ContinuousClock())
    var (steps, warmUp, time) = (0, 2, Duration.zero)
    while steps < 3 || time < .seconds(2), let batch = try next() {
      try StopSignal.check()
      let step = try clock.measure { _ = try trainer.train(batch, on: context) }
      // The first steps allocate.
      if warmUp > 0, job.stepsPerEpoch > 5 {
        warmUp -= 1
        continue
      }
      (steps, time) = (steps + 1, time + step)
    }
    let perStep = time.seconds / Double(max(1, steps))
    let model = try CompactModel(bytes: trainer.compactModel(), path: "the model that is timed")
    let engine = try Engine(model, crew: crew, batch: 64)
    let sample = job.held.count < 256 ? job.held : job.held.subset(Array(0..<256)) as any ImageSource
    let evaluation = try clock.measure { _ = try engine.evaluate(sample, batchSize: 64) }
    let perImage = evaluation.seconds / Double(max(1, sample.count))
    return TimeBudget.Cost(
      secondsPerEpoch: perStep * Double(job.stepsPerEpoch) + perImage * Double(job.held.count),
      // The engine's benchmark and the files take about a second.
      secondsBesides: perImage * Double(test.count) + 1)
  }
}

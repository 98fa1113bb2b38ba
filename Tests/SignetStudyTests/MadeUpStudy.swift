// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetStudy
import SignetTraining

/// Studies whose figures are made up, so that what follows from them can be worked out by hand.
enum MadeUp {
  static func settings(
    seeds: [UInt64] = [1, 2], binarizations: Int = 1, learningRate: Float? = nil,
    schedule: ScheduleKind? = nil,
    l2: Float = StudySettings.defaultL2
  ) -> StudySettings {
    StudySettings(
      data: "idx:data", network: .ninSmall, networkOption: "nin-small", epochs: 2, batchSize: 64,
      seeds: seeds,
      binarizations: binarizations, validation: 100, learningRate: learningRate,
      schedule: schedule, l2: l2)
  }

  static func configuration(_ run: PlannedRun, _ settings: StudySettings) -> RunConfiguration {
    RunConfiguration(
      data: settings.data, network: settings.network, method: run.method,
      preprocessing: Preprocessing(height: 28, width: 28, channels: 1, mean: [0.5], deviation: [0.25]),
      classNames: ["a", "b"], epochs: settings.epochs, batchSize: settings.batchSize,
      validation: settings.validation, seed: run.seed,
      precision: RunConfiguration.defaultPrecision(of: run.method),
      augmentation: settings.augmentation)
  }

  static func state(_ study: StudyName, _ settings: StudySettings = settings()) -> StudyState {
    StudyState(
      study, settings, epochs: settings.epochs, signetVersion: "1.2.3",
      runs: StudyPlan(study, settings).runs.map { run in
        let configuration = configuration(run, settings)
        return RunRecord(
          run, configuration: configuration,
          command: TrainCommandText.text(configuration, networkOption: "nin-small", output: run.folder))
      })
  }

  static let machine = StudySession.Machine(
    processor: "Abacus 9", cores: 4, threads: 2, isa: "scalar", memoryBytes: 3 << 29, system: "Testland 1")

  static func session() -> StudySession {
    StudySession(started: "2030-01-02T03:04:05Z", machine: machine)
  }

  /// An outcome with validation accuracies of its epochs, and one binary layer between two real ones.
  static func outcome(
    top1: Double, validation: [Double] = [0.25, 0.5], signChange: Double = 0.001, atStart: Double? = nil,
    fileBytes: Int = 1000,
    seconds: Double = 90
  ) -> RunOutcome {
    RunOutcome(
      epochs: validation.enumerated().map { index, value in
        RunOutcome.Epoch(
          epoch: index + 1, step: 50 * (index + 1), loss: 1 / Double(index + 1), learningRate: 1e-4,
          trainingTop1: value, validationTop1: value, validationTop5: 1, signChange: signChange,
          signChanges: ["conv1": 0, "conv2": signChange, "conv3": signChange / 2])
      },
      layers: [
        .init(name: "conv1", isBinary: false, signChange: 0, signChangeAtStart: 0),
        .init(
          name: "conv2", isBinary: true, signChange: signChange, signChangeAtStart: atStart ?? 2 * signChange),
        .init(name: "conv3", isBinary: false, signChange: signChange / 2, signChangeAtStart: signChange),
      ],
      test: .init(count: 200, top1: top1, top5: 1, logitsSha256: "00"), fileBytes: fileBytes,
      float32Bytes: 20_000, compression: 20_000 / Double(fileBytes),
      times: .init(seconds: seconds, millisecondsPerImage: 0.125))
  }

  /// Rows of a study from the top-1 of each seed, by title.
  static func rows(_ study: StudyName, _ outcomes: [String: [RunOutcome]]) -> [StudyRow] {
    let settings = settings(seeds: Array(1...UInt64(outcomes.values.map(\.count).max() ?? 1)))
    var state = state(study, settings)
    return study.variants(settings).map { variant in
      for (index, outcome) in (outcomes[variant.title] ?? []).enumerated() {
        guard
          let run = state.runs.firstIndex(where: {
            $0.label == variant.label && $0.seed == settings.seeds[index]
          })
        else { continue }
        state.runs[run].outcome = outcome
      }
      return StudyRow(variant, among: state.runs)
    }
  }
}

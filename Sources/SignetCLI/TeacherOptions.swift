// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetTraining

/// A network that was trained before, which a new one learns from beside the labels.
struct TeacherOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A compact model (RUN/model.signet) to learn from beside the labels, of any method and network, trained on the same classes. With --resume: where it is now, if it moved.",
      valueName: "model"))
  var teacher: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The teacher's share of the loss, above 0 and at most 1; \(Distillation.usualWeight) if not given.",
      valueName: "share"))
  var teacherWeight: Float?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What both networks' logits are divided by for it, 0.1 to 100; \(Distillation.usualTemperature) if not given.",
      valueName: "factor"))
  var teacherTemperature: Float?

  func validate() throws {
    if let teacherWeight, !Distillation.isWeight(teacherWeight) {
      throw ValidationError("--teacher-weight \(teacherWeight): give a number above 0 that is at most 1")
    }
    if let teacherTemperature, !Distillation.temperatures.contains(teacherTemperature) {
      throw ValidationError("--teacher-temperature \(teacherTemperature): give a number from 0.1 to 100")
    }
  }

  /// Refuses what goes with a teacher where there is none; in a new run's `validate()`.
  func checkAreTogether() throws {
    let given = [
      ("--teacher-weight", teacherWeight != nil), ("--teacher-temperature", teacherTemperature != nil),
    ].filter(\.1)
    guard teacher == nil, let first = given.first else { return }
    throw ValidationError("\(first.0) goes with --teacher; name a compact model, or leave it out")
  }

  /// What a command that goes on with a run must say again: the run keeps the place that it was started with.
  var repeated: String { teacher.map { " --teacher \($0)" } ?? "" }

  /// The teacher's file; of a run that goes on, the one that it was started with if no other place is given.
  func model(of stored: Distillation?) throws -> CompactModel? {
    if let teacher { return try CompactModel(path: teacher) }
    return try stored.map { stored in
      do {
        return try CompactModel(path: stored.teacher)
      } catch let error as ModelFormatError {
        throw TrainingError(
          .badRun, "\(error). The run learns from this model; name the place of a copy with --teacher")
      }
    }
  }

  /// What a new run learns from it.
  func distillation(by model: CompactModel?) throws -> Distillation? {
    guard let model, let teacher else { return nil }
    return Distillation(
      teacher: teacher, digest: model.digest, weight: teacherWeight ?? Distillation.usualWeight,
      temperature: teacherTemperature ?? Distillation.usualTemperature)
  }
}

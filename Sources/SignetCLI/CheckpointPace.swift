// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SignetStudy
import SignetTraining

/// How often a run keeps a checkpoint within an epoch: every N steps, or when some time has gone by.
enum CheckpointPace: Hashable, ExpressibleByArgument {
  case steps(Int)
  case time(seconds: Double)

  static let standard = CheckpointPace.time(seconds: 600)

  init?(argument: String) {
    if let steps = Int(argument) {
      guard (1...1_000_000_000).contains(steps) else { return nil }
      self = .steps(steps)
    } else {
      guard let time = try? TimeBudget(parsing: argument) else { return nil }
      self = .time(seconds: time.seconds)
    }
  }

  /// As it is written in the option.
  var text: String {
    switch self {
    case .steps(let count): "\(count)"
    case .time(let seconds): TimeBudget(seconds: seconds).description
    }
  }

  /// Tells after each step whether a checkpoint is due; time counts from the one before.
  func clock() -> (_ step: Int) -> Bool {
    let clock = ContinuousClock()
    var last = clock.now
    return { step in
      switch self {
      case .steps(let count): return step.isMultiple(of: count)
      case .time(let seconds):
        let now = clock.now
        guard last.duration(to: now).seconds >= seconds else { return false }
        last = now
        return true
      }
    }
  }
}

/// What a run keeps, and when: as it was asked for, which its `config.yaml` remembers.
struct CheckpointPlan {
  /// How often, if that was asked for.
  var every: CheckpointPace?
  /// How many, if that was asked for.
  var keep: Int?

  var pace: CheckpointPace { every ?? .standard }
  /// Checkpoints that are kept, the last ones.
  var kept: Int { keep ?? 1 }

  static let countRange = 1...1_000_000
}

struct CheckpointOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep a checkpoint within an epoch every so many steps, or after some time (90s, 10m, 1h30m); 10m if not given, with --resume what the run had. At the end of each epoch there is one in any case.",
      valueName: "steps-or-time"))
  var checkpointEvery: CheckpointPace?

  @Option(
    parsing: .unconditional,
    help:
      "Checkpoints to keep, the last ones; 1 if not given, with --resume as many as before. Older ones are in OUTPUT/checkpoints."
  )
  var keep: Int?

  /// What was given, and else what the run in the folder, if there is one, had so far.
  func plan(goingOnIn folder: RunFolder?) -> CheckpointPlan {
    let stored = folder?.checkpoints ?? CheckpointPlan()
    return CheckpointPlan(every: checkpointEvery ?? stored.every, keep: keep ?? stored.keep)
  }

  func validate() throws {
    if let keep, !CheckpointPlan.countRange.contains(keep) {
      throw ValidationError("--keep \(keep): give a number from 1 to 1000000")
    }
  }
}

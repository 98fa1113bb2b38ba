// SPDX-License-Identifier: Apache-2.0

import SignetStudy
import SignetTraining
import Testing

/// Oracle: the same study, unbroken.
struct StudyRunnerTests {
  private struct Stop: Error {}

  /// What a process has: a clock, and what it kept last.
  private final class Process {
    var time = 0.0
    var kept: [UInt8] = []
    var pages = 0

    func runner(_ state: StudyState, budget: Double? = nil, spent: Double = 0) throws -> StudyRunner {
      try StudyRunner(
        state, session: MadeUp.session(), budget: budget.map { TimeBudget(seconds: $0) }, spent: spent,
        now: { self.time },
        save: { state, isDone in
          self.kept = try StudyDocument(state).json()
          self.pages += isDone ? 1 : 0
        })
    }

    var state: StudyState { get throws { try StudyState(file: kept, path: "study.json") } }
  }

  /// Follows from the run alone, as a run of training does.
  private static func outcome(_ run: RunRecord) -> RunOutcome {
    let value = Double(run.label.utf8.reduce(0) { ($0 * 31 + Int($1)) % 97 }) / 97 + Double(run.seed) / 1000
    return MadeUp.outcome(top1: value, validation: [value / 2, value / 3], signChange: value / 7)
  }

  private func timeless(_ state: StudyState) -> StudyState {
    var state = state
    state.sessions = []
    return state
  }

  @Test func stoppedAfterEachRunItEndsWithTheSameNumbers() throws {
    let unbroken = Process()
    try unbroken.runner(MadeUp.state(.all, MadeUp.settings(seeds: [1]))).run { run, _ in Self.outcome(run) }
    let expected = try unbroken.state
    #expect(expected.isFinished && expected.runs.allSatisfy { $0.outcome == Self.outcome($0) })
    for stop in 0..<expected.runs.count {
      let process = Process()
      let first = try process.runner(MadeUp.state(.all, MadeUp.settings(seeds: [1])))
      #expect(throws: Stop.self) {
        try first.run { run, number in
          if number > stop { throw Stop() }
          return Self.outcome(run)
        }
      }
      #expect(try process.state.done == stop)
      var numbers: [Int] = []
      try process.runner(process.state).run { run, number in
        numbers.append(number)
        return Self.outcome(run)
      }
      #expect(numbers == Array(stop + 1...expected.runs.count))
      #expect(try timeless(process.state) == timeless(expected))
      #expect(try process.state.sessions.count == 2)
    }
  }

  @Test func aRunThatBlowsUpIsAResult() throws {
    let process = Process()
    try process.runner(MadeUp.state(.lastLayer)).run { run, _ in
      if run.label == "tang-no-scale", run.seed == 2 {
        throw TrainingError(.notFinite, "layer “x” gave values that are not finite at step 3")
      }
      return Self.outcome(run)
    }
    let state = try process.state
    #expect(state.isFinished)
    #expect(state.runs.filter { $0.failure != nil }.map(\.folder) == ["runs/tang-no-scale-seed2"])
    let rows = StudyResults(state).parts[0].rows
    #expect(rows.map(\.top1.count) == [2, 1, 2] && rows.map(\.failures) == [0, 1, 0])
  }

  @Test func anyOtherErrorEndsIt() throws {
    let process = Process()
    let runner = try process.runner(MadeUp.state(.lastLayer))
    #expect(throws: TrainingError.self) {
      try runner.run { run, number in
        if number == 2 { throw TrainingError(.badRun, "the disk is full") }
        return Self.outcome(run)
      }
    }
    #expect(try process.state.done == 1)
  }

  /// Each run takes 10 s: of a budget of 35 s, three begin their work and the fourth stops when the time is up.
  @Test func theBudgetIsKept() throws {
    let process = Process()
    func work(_ runner: StudyRunner) throws {
      try runner.run { run, _ in
        for _ in 0..<10 {
          process.time += 1
          try runner.checkTime()
        }
        return Self.outcome(run)
      }
    }
    let first = try process.runner(MadeUp.state(.lastLayer), budget: 35)
    #expect(throws: TimeBudgetUsedUp(budget: TimeBudget(seconds: 35))) { try work(first) }
    #expect(try process.state.done == 3 && process.state.seconds == 35 && process.time == 35)
    // The time of all processes counts; the same budget is used up at once, a longer one is not.
    let second = try process.runner(process.state, budget: 35)
    #expect(throws: TimeBudgetUsedUp.self) { try work(second) }
    #expect(try process.state.done == 3 && process.time == 35)
    try work(process.runner(process.state, budget: 66))
    #expect(try process.state.isFinished && process.state.seconds == 65)
  }

  @Test func timeBeforeTheStartCounts() throws {
    let process = Process()
    let runner = try process.runner(MadeUp.state(.lastLayer), spent: 5)
    process.time = 2
    #expect(runner.used == 7)
  }

  /// A process that is killed keeps its time but for the last 10 s.
  @Test func timeIsKeptNowAndThen() throws {
    let process = Process()
    let runner = try process.runner(MadeUp.state(.lastLayer))
    try? runner.run { _, _ in
      for _ in 0..<25 {
        process.time += 1
        try runner.checkTime()
      }
      #expect(try process.state.seconds >= 15)
      #expect(process.pages == 1, "tables are new after a run only")
      throw Stop()
    }
    #expect(try process.state.seconds == 25)
  }

  /// Two epochs a run.
  ///
  /// A run's own epochs count first, then those of its kind, then the mean of all kinds.
  @Test func timeLeft() throws {
    let process = Process()
    let runner = try process.runner(MadeUp.state(.lastLayer))
    #expect(runner.remaining == nil)
    try runner.run { run, number in
      runner.epochEnded(0, seconds: nil)
      let seconds: Double = [3, 5, 7][(number - 1) % 3]
      runner.epochEnded(1, seconds: seconds)
      // First 3 + 5 · 6, all kinds being taken for the first; then 5 + 8 + 6 + 10 + 8, the third being taken for the mean of
      // two; then 5 + 14.
      let expected: [Int: Double] = [1: 33, 2: 37, 5: 19]
      if let expected = expected[number] { #expect(runner.remaining == expected) }
      runner.epochEnded(2, seconds: seconds)
      return Self.outcome(run)
    }
    #expect(runner.remaining == 0)
  }
}

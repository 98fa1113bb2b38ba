// SPDX-License-Identifier: Apache-2.0

import SignetTraining

/// Works on a study: run after run, keeping its state, its time and its budget.
package final class StudyRunner {
  package private(set) var state: StudyState
  private let budget: TimeBudget?
  private let now: () -> Double
  private let save: (StudyState, _ runIsDone: Bool) throws -> Void
  private let start: Double
  private var saved: Double
  private var costs = RunningCosts()
  /// The run in work, and its epochs that are done.
  private var current: (index: Int, epochs: Int)?

  /// A time that is saved this often loses as much at most when the process is killed.
  private static let secondsBetweenSaves = 10.0

  /// Starts a session.
  ///
  /// `now` gives seconds of a clock that never jumps, and `save` keeps the state; it is told whether a run was done since
  /// the last time, so that tables and figures are new. `spent` are seconds of this process before.
  package init(
    _ state: StudyState, session: StudySession, budget: TimeBudget?, spent: Double = 0,
    now: @escaping () -> Double, save: @escaping (StudyState, _ runIsDone: Bool) throws -> Void
  ) throws {
    self.state = state
    self.budget = budget
    self.now = now
    self.save = save
    start = now() - spent
    saved = now()
    for run in state.runs {
      guard let outcome = run.outcome else { continue }
      costs.note(run.label, seconds: outcome.times.seconds, epochs: outcome.epochs.count)
    }
    self.state.sessions.append(session)
    try keep(runIsDone: true)
  }

  /// Does all runs that are not done; what `perform` throws ends it, but for numbers that blew up, which are a result.
  ///
  /// `perform` calls ``checkTime()`` and ``epochEnded(_:seconds:)`` as it goes on.
  package func run(_ perform: (RunRecord, _ number: Int) throws -> RunOutcome) throws {
    for index in state.runs.indices where !state.runs[index].isDone {
      try checkTime()
      current = (index, 0)
      do {
        state.runs[index].outcome = try perform(state.runs[index], index + 1)
      } catch let error as TrainingError where error.code == .notFinite {
        state.runs[index].failure = error.description
      } catch {
        try keep(runIsDone: false)
        throw error
      }
      current = nil
      try keep(runIsDone: true)
    }
  }

  /// Takes the time, and keeps it now and then.
  ///
  /// - Throws: ``TimeBudgetUsedUp``.
  package func checkTime() throws {
    if let budget, used >= budget.seconds { throw TimeBudgetUsedUp(budget: budget) }
    if now() - saved > Self.secondsBetweenSaves { try keep(runIsDone: false) }
  }

  /// Takes note of an epoch of the run in work; `seconds` is nil if they are not its whole time.
  package func epochEnded(_ epoch: Int, seconds: Double?) {
    guard let index = current?.index else { return }
    current = (index, epoch)
    if let seconds { costs.note(state.runs[index].label, seconds: seconds, epochs: 1) }
  }

  /// Seconds that the study has taken, in all processes.
  package var used: Double {
    state.sessions.dropLast().reduce(0) { $0 + $1.seconds } + now() - start
  }

  /// Seconds that are still to come, as far as epochs up to now tell; nil before the first.
  package var remaining: Double? {
    var total = 0.0
    for (index, run) in state.runs.enumerated() where !run.isDone {
      guard let cost = costs.secondsPerEpoch(of: run.label) else { return nil }
      total += cost * Double(state.epochs - (current?.index == index ? current?.epochs ?? 0 : 0))
    }
    return total
  }

  private func keep(runIsDone: Bool) throws {
    state.sessions[state.sessions.count - 1].seconds = now() - start
    saved = now()
    try save(state, runIsDone)
  }
}

/// What epochs of each kind of run took.
private struct RunningCosts {
  private var sums: [String: (seconds: Double, epochs: Int)] = [:]

  package mutating func note(_ label: String, seconds: Double, epochs: Int) {
    let old = sums[label] ?? (0, 0)
    sums[label] = (old.seconds + seconds, old.epochs + epochs)
  }

  /// A kind that has not run yet is taken for the mean of those that have.
  package func secondsPerEpoch(of label: String) -> Double? {
    func mean(_ sum: (seconds: Double, epochs: Int)) -> Double { sum.seconds / Double(max(1, sum.epochs)) }
    if let own = sums[label], own.epochs > 0 { return mean(own) }
    let known = sums.values.filter { $0.epochs > 0 }
    return known.isEmpty ? nil : known.reduce(0) { $0 + mean($1) } / Double(known.count)
  }
}

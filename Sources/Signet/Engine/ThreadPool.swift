// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Threads that share the tasks of one job at a time.
///
/// Tasks are handed out one by one; a task must not depend on which thread runs it, so that the thread count
/// changes no result. Idle threads spin for some microseconds before they sleep, since the steps of a network
/// follow each other closely. A job must not start another job on the same pool.
package final class ThreadPool: Sendable {
  package let threads: Int
  private let shared = Shared()
  private let turn = DispatchSemaphore(value: 1)

  /// Starts `threads − 1` threads; the caller's is the first.
  package init(threads: Int) throws {
    guard threads >= 1, threads <= 1024 else {
      throw EngineError(.badThreads, "\(threads) threads asked for; give a number from 1 to 1024")
    }
    self.threads = threads
    for worker in 1..<max(threads, 2) where worker < threads {
      WorkerThread.start { [shared] in shared.work(as: worker) }
    }
  }

  deinit {
    shared.stop(workers: threads - 1)
  }

  /// Runs `body(task, worker)` for every task in 0..<tasks and returns when all are done; `worker` is below ``threads``.
  package func run(_ tasks: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
    // Also for one task: whoever runs as worker 0 uses that worker's memory.
    turn.wait()
    defer { turn.signal() }
    if threads == 1 || tasks <= 1 {
      for task in 0..<tasks { body(task, 0) }
      return
    }
    withoutActuallyEscaping(body) { body in
      shared.publish(tasks: tasks, body: body)
      shared.takeTasks(as: 0)
      shared.waitForEnd(of: tasks)
    }
  }

  /// Splits 0..<count into ranges of at least `grain` and runs `body(range, worker)` on each.
  package func runRanges(_ count: Int, grain: Int, _ body: (_ range: Range<Int>, _ worker: Int) -> Void) {
    guard count > 0 else { return }
    if threads == 1 {
      run(1) { _, worker in body(0..<count, worker) }
      return
    }
    let pieces = max(1, min((count + grain - 1) / grain, threads * 4))
    let size = ((count + pieces - 1) / pieces + grain - 1) / grain * grain
    run((count + size - 1) / size) { task, worker in
      body(task * size..<min(count, (task + 1) * size), worker)
    }
  }
}

/// What the threads of a pool share: the job's number and next task in one word, so that a late thread can't take a
/// task of a job that it hasn't seen.
private final class Shared: @unchecked Sendable {
  private let ticket = Atomic<UInt64>(0)
  private let tasks = Atomic<Int>(0)
  private let finished = Atomic<Int>(0)
  private let sleeping = Atomic<Int>(0)
  private let stopped = Atomic<Bool>(false)
  private let wake = DispatchSemaphore(value: 0)
  private var body: ((Int, Int) -> Void)?

  func publish(tasks count: Int, body: @escaping (Int, Int) -> Void) {
    let job = (ticket.load(ordering: .relaxed) >> 32) &+ 1
    // Closed while the rest changes: a thread that still holds the old ticket must not take a new task with it.
    ticket.store(job << 32 | 0xFFFF_FFFF, ordering: .sequentiallyConsistent)
    self.body = body
    tasks.store(count, ordering: .relaxed)
    finished.store(0, ordering: .relaxed)
    ticket.store((job &+ 1) << 32, ordering: .sequentiallyConsistent)
    let sleepers = sleeping.exchange(0, ordering: .sequentiallyConsistent)
    for _ in 0..<sleepers { wake.signal() }
  }

  func takeTasks(as worker: Int) {
    let job = ticket.load(ordering: .acquiring) >> 32
    var seen = ticket.load(ordering: .acquiring)
    while seen >> 32 == job {
      let task = Int(seen & 0xFFFF_FFFF)
      guard task < tasks.load(ordering: .relaxed) else { return }
      let (exchanged, original) = ticket.compareExchange(
        expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing)
      if exchanged {
        perform(task, worker)
        finished.wrappingAdd(1, ordering: .releasing)
        seen = ticket.load(ordering: .acquiring)
      } else {
        seen = original
      }
    }
  }

  /// Not inlined, so that no reference to the job's body outlives the call: the caller of ``ThreadPool/run(_:_:)`` takes
  /// it back as soon as the last task is counted.
  @inline(never)
  private func perform(_ task: Int, _ worker: Int) {
    body?(task, worker)
  }

  func waitForEnd(of count: Int) {
    while finished.load(ordering: .acquiring) < count { spinHint() }
    body = nil
  }

  func work(as worker: Int) {
    var seen: UInt64 = 0
    while true {
      var spins = 0
      while ticket.load(ordering: .acquiring) >> 32 == seen {
        if stopped.load(ordering: .relaxed) { return }
        spins += 1
        if spins < 4000 {
          spinHint()
          continue
        }
        sleeping.wrappingAdd(1, ordering: .sequentiallyConsistent)
        if ticket.load(ordering: .sequentiallyConsistent) >> 32 == seen,
          !stopped.load(ordering: .sequentiallyConsistent)
        {
          wake.wait()
        }
        spins = 0
      }
      seen = ticket.load(ordering: .acquiring) >> 32
      takeTasks(as: worker)
    }
  }

  func stop(workers: Int) {
    stopped.store(true, ordering: .sequentiallyConsistent)
    for _ in 0..<workers { wake.signal() }
  }

  @inline(__always)
  private func spinHint() {
    _ = stopped.load(ordering: .relaxed)
  }
}

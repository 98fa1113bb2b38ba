// SPDX-License-Identifier: Apache-2.0

/// What a crew's threads do at most of each kind of multiply-add, on registers alone.
package struct MachinePeaks: Sendable {
  /// Multiply-adds a second of one thread.
  package private(set) var oneThread: [MultiplyAdd: Double] = [:]
  /// Multiply-adds a second of all of the crew's threads together.
  package private(set) var allThreads: [MultiplyAdd: Double] = [:]

  package init() {}

  /// Measures, and keeps the best of all measurements so far.
  ///
  /// To be called before and after what is compared with it: clocks and neighbours change.
  package mutating func measure(_ crew: Crew) {
    for kind in MultiplyAdd.allCases {
      let best = Self.better(
        (oneThread[kind] ?? 0, allThreads[kind] ?? 0), Self.rates(of: kind.peak(crew.kernels), on: crew))
      (oneThread[kind], allThreads[kind]) = best
    }
  }

  /// The best of two measurements.
  package static func better(
    _ a: (oneThread: Double, allThreads: Double), _ b: (oneThread: Double, allThreads: Double)
  ) -> (oneThread: Double, allThreads: Double) {
    let one = max(a.oneThread, b.oneThread)
    // All threads can do what one can, also where a busy machine let them do less.
    return (one, max(a.allThreads, b.allThreads, one))
  }

  /// Multiply-adds a second of one thread and of all, for a kernel that does so many rounds and returns their number.
  package static func rates(
    of kernel: (Int) -> Double, on crew: Crew
  ) -> (oneThread: Double, allThreads: Double) {
    let one = best { kernel(rounds) }
    guard crew.pool.threads > 1 else { return (one, one) }
    let all = best {
      let work = AlignedBuffer<Double>(count: crew.pool.threads)
      crew.pool.run(crew.pool.threads) { task, _ in work.pointer[task] = kernel(rounds) }
      return work.array.reduce(0, +)
    }
    return (one, all)
  }

  /// A millisecond or more of each kernel: threads that sleep at the start cost little of it.
  private static let rounds = 400_000

  /// The best rate of short measurements: at least 4, for a twentieth of a second.
  private static func best(_ work: () -> Double) -> Double {
    var (best, spent, tries) = (0.0, 0.0, 0)
    while tries < 4 || spent < 50 {
      var count = 0.0
      let time = ContinuousClock().measure { count = work() }.milliseconds
      best = max(best, count / time * 1e3)
      spent += time
      tries += 1
    }
    return best
  }
}

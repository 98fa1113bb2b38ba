// SPDX-License-Identifier: Apache-2.0

import Signet
import Synchronization
import Testing

/// Each task runs exactly once and is over when `run` returns.
///
/// Oracle: a count for each task.
struct ThreadPoolTests {
  /// Counters that tasks of several threads add to.
  private final class Counters: Sendable {
    private let counts: Mutex<[Int]>

    init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

    func add(_ index: Int) { counts.withLock { $0[index] += 1 } }
    var all: [Int] { counts.withLock { $0 } }
  }

  @Test(arguments: [1, 2, 3, 8])
  func everyTaskRunsOnce(threads: Int) throws {
    let pool = try ThreadPool(threads: threads)
    for round in 0..<3000 {
      let tasks = round % 17
      let counters = Counters(tasks)
      pool.run(tasks) { task, worker in
        #expect(0..<threads ~= worker)
        counters.add(task)
      }
      guard counters.all == Array(repeating: 1, count: tasks) else {
        Issue.record("round \(round): \(counters.all)")
        return
      }
    }
  }

  /// Without locks in the tasks, so that jobs follow each other as fast as they can.
  @Test(arguments: [2, 3, 5])
  func tinyJobsFollowEachOther(threads: Int) throws {
    let pool = try ThreadPool(threads: threads)
    let slots = AlignedBuffer<Int>(count: 8)
    for round in 1...50_000 {
      pool.run(8) { task, _ in slots.pointer[task] += round }
    }
    let expected = 50_000 * 50_001 / 2
    #expect(slots.array == Array(repeating: expected, count: 8))
  }

  /// Jobs after pauses long enough for the threads to fall asleep.
  @Test func sleepingThreadsAreNotNeededAndNotLost() async throws {
    let pool = try ThreadPool(threads: 3)
    for _ in 0..<40 {
      try await Task.sleep(for: .milliseconds(2))
      let counters = Counters(64)
      pool.run(64) { task, _ in counters.add(task) }
      #expect(counters.all == Array(repeating: 1, count: 64))
    }
  }

  @Test func callersTakeTurns() async throws {
    let pool = try ThreadPool(threads: 3)
    // No two jobs run at a time, so plain memory indexed by the worker is each job's own.
    let sums = AlignedBuffer<Int>(count: 3)
    let results = await withTaskGroup(of: Bool.self) { group in
      for caller in 1...8 {
        group.addTask {
          var isRight = true
          for round in 0..<500 {
            let tasks = round % 5
            let counters = Counters(tasks)
            pool.run(tasks) { task, worker in
              sums.pointer[worker] += caller
              counters.add(task)
            }
            isRight = isRight && counters.all == Array(repeating: 1, count: tasks)
          }
          return isRight
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results == Array(repeating: true, count: 8))
    // Each caller ran 100 times 0+1+2+3+4 tasks and added its number in each.
    let sum = sums.array.reduce(0, +)
    #expect(sum == 36 * 1000)
  }

  @Test func manyPoolsComeAndGo() async throws {
    let results = try await withThrowingTaskGroup(of: Bool.self) { group in
      for seed in 0..<60 {
        group.addTask {
          let pool = try ThreadPool(threads: 1 + seed % 4)
          var isRight = true
          for round in 0..<20 {
            let counters = Counters(round)
            pool.run(round) { task, _ in counters.add(task) }
            isRight = isRight && counters.all == Array(repeating: 1, count: round)
          }
          return isRight
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results.allSatisfy { $0 } && results.count == 60)
  }

  /// Oracle: the ranges, sorted, follow each other from 0 to the end; all but the last have whole grains.
  @Test(arguments: [1, 2, 3, 7])
  func rangesCoverWithoutOverlap(threads: Int) throws {
    let pool = try ThreadPool(threads: threads)
    for grain in [1, 2, 16, 48, 64] {
      for count in Array(0...70) + [127, 128, 129, 1000, 4097] {
        let ranges = Mutex<[Range<Int>]>([])
        pool.runRanges(count, grain: grain) { range, _ in ranges.withLock { $0.append(range) } }
        let sorted = ranges.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } }
        var end = 0
        for range in sorted {
          #expect(range.lowerBound == end && !range.isEmpty)
          if range.upperBound != count { #expect(range.count % grain == 0) }
          end = range.upperBound
        }
        #expect(end == count, "\(count) in grains of \(grain)")
        #expect(sorted.count <= threads * 4)
      }
    }
  }
}

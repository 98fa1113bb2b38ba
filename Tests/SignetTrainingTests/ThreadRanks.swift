// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Signet
import SignetTraining
import Synchronization

/// Ranks that are threads of this process: each brings values, and gets those of all.
final class ThreadRanks: Sendable {
  struct Failed: Error {}

  /// One thread of each rank at a time.
  private final class Meeting<Value: Sendable>: Sendable {
    private struct State {
      var values: [Value?]
      var waiting: [DispatchSemaphore] = []
      var result: [Value] = []
      var round = 0
      var hasFailed = false
    }
    private let state: Mutex<State>

    init(ranks: Int) { state = Mutex(State(values: Array(repeating: nil, count: ranks))) }

    func meet(_ value: Value, rank: Int) throws -> [Value] {
      let turn = DispatchSemaphore(value: 0)
      let (isLast, round) = try state.withLock { state in
        if state.hasFailed { throw Failed() }
        state.values[rank] = value
        let all = state.values.compactMap(\.self)
        guard all.count == state.values.count else {
          state.waiting.append(turn)
          return (false, state.round)
        }
        state.result = all
        state.round += 1
        state.values = Array(repeating: nil, count: all.count)
        for other in state.waiting { other.signal() }
        state.waiting = []
        return (true, state.round - 1)
      }
      if !isLast { turn.wait() }
      return try state.withLock { state in
        if state.round == round { throw Failed() }
        return state.result
      }
    }

    func fail() {
      state.withLock { state in
        state.hasFailed = true
        for other in state.waiting { other.signal() }
        state.waiting = []
      }
    }
  }

  struct Rank: Collective {
    let rank: Int
    let ranks: Int
    fileprivate let all: ThreadRanks

    func gather(_ values: [Double], counts: [Int]) throws -> [Double] {
      precondition(values.count == counts[rank])
      return try all.numbers.meet(values, rank: rank).flatMap(\.self)
    }

    func broadcast(_ bytes: [UInt8]) throws -> [UInt8] { preconditionFailure("no test needs it") }

    func exchange(
      _ values: UnsafePointer<Float>, counts: [Int], into received: UnsafeMutablePointer<Float>,
      receivedCounts: [Int]
    ) throws {
      var (parts, start) = ([[Float]](), 0)
      for count in counts {
        parts.append(Array(UnsafeBufferPointer(start: values + start, count: count)))
        start += count
      }
      var target = received
      for (sender, parts) in try all.gradients.meet(parts, rank: rank).enumerated() {
        precondition(parts[rank].count == receivedCounts[sender])
        target.update(from: parts[rank], count: parts[rank].count)
        target += parts[rank].count
      }
    }

    func complete(_ values: UnsafeMutablePointer<Float>, counts: [Int]) throws {
      let start = counts[..<rank].reduce(0, +)
      let own = Array(UnsafeBufferPointer(start: values + start, count: counts[rank]))
      var target = values
      for parts in try all.gradients.meet([own], rank: rank) {
        target.update(from: parts[0], count: parts[0].count)
        target += parts[0].count
      }
    }
  }

  private let count: Int
  private let numbers: Meeting<[Double]>
  private let gradients: Meeting<[[Float]]>

  private init(count: Int) {
    self.count = count
    numbers = Meeting(ranks: count)
    gradients = Meeting(ranks: count)
  }

  /// What `body` gives as each rank; an error of one ends what the others wait for.
  static func run<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Rank) throws -> Value
  ) -> [Result<Value, any Error>] {
    let ranks = ThreadRanks(count: count)
    let results = Results<Value>()
    let done = DispatchSemaphore(value: 0)
    for rank in 0..<count {
      WorkerThread.start {
        let result = Result { try body(Rank(rank: rank, ranks: count, all: ranks)) }
        if case .failure = result {
          ranks.numbers.fail()
          ranks.gradients.fail()
        }
        results.all.withLock { $0[rank] = result }
        done.signal()
      }
    }
    for _ in 0..<count { done.wait() }
    return results.all.withLock { all in (0..<count).compactMap { all[$0] } }
  }

  private final class Results<Value: Sendable>: Sendable {
    let all = Mutex<[Int: Result<Value, any Error>]>([:])
  }
}

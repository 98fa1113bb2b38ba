// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Signet
import Synchronization

/// The shards of every batch: which are this process's, and how all of them come to one result.
///
/// A batch of N images is cut into S shards, shard k the images `N·k/S..<N·(k+1)/S`; each rank has some that follow each other.
/// A shard is computed as a batch of its own, so what it gives does not depend on who computes it, and what all of them give
/// is added in an order that S alone decides: the number of ranks changes no bit.
///
/// An error of one shard, or of the gradients' sums, is the end of the group: who waits in it throws, and so does every later call. To train
/// on after an error takes a new group, from a checkpoint: ranks may have parted at any point of the step.
package final class ShardGroup: Sendable, CustomStringConvertible {
  package let collective: any Collective
  /// Shards of a batch, on all ranks.
  package let shards: Int
  /// Whether BatchNorm and the β of binarizations are measured on the whole batch instead of each shard.
  package let synchronizesNorm: Bool
  /// Numbers of the gradients that go on their way together: 4 MB of them.
  let bucketSize: Int
  /// What else must be alike on all ranks, such as the program's version.
  let build: String
  /// The shards of this rank.
  package let own: Range<Int>
  private let state: Mutex<State>

  private struct State {
    var values: [[Double]]
    var arrived = 0
    /// Gatherings that are over.
    var round = 0
    var waiting: [DispatchSemaphore] = []
    var result: [[Double]] = []
    var hasFailed = false
    var waited = Duration.zero
    var reduced = Duration.zero
  }

  /// - Throws: ``TrainingError`` if there are fewer shards than ranks.
  package init(
    shards: Int, synchronizesNorm: Bool, collective: any Collective = SingleRank(), bucketSize: Int = 1 << 20,
    build: String = ""
  ) throws {
    guard shards >= collective.ranks else {
      throw TrainingError(
        .badOption, "\(shards) shards are too few for \(collective.ranks) ranks; each rank needs one")
    }
    self.shards = shards
    self.synchronizesNorm = synchronizesNorm
    self.collective = collective
    self.bucketSize = max(1, bucketSize)
    self.build = build
    own = Self.own(of: collective.rank, ranks: collective.ranks, shards: shards)
    state = Mutex(State(values: Array(repeating: [], count: own.count)))
  }

  static func own(of rank: Int, ranks: Int, shards: Int) -> Range<Int> {
    shards * rank / ranks..<shards * (rank + 1) / ranks
  }

  /// The shards of each rank.
  var ofRanks: [Range<Int>] {
    (0..<collective.ranks).map { Self.own(of: $0, ranks: collective.ranks, shards: shards) }
  }

  /// The images of some shards in a batch.
  package func images(of shards: Range<Int>, batch: Int) -> Range<Int> {
    batch * shards.lowerBound / self.shards..<batch * shards.upperBound / self.shards
  }

  package var description: String {
    "\(counted(shards, "shard")) on \(counted(collective.ranks, "rank")), BatchNorm \(synchronizesNorm ? "synchronised" : "of each shard")"
  }

  /// How long this rank waited for numbers of other ranks, and how long gradients were on their way in all.
  package var times: (waited: Duration, reduced: Duration) { state.withLock { ($0.waited, $0.reduced) } }

  func addTime(waited: Duration = .zero, reduced: Duration = .zero) {
    state.withLock {
      $0.waited += waited
      $0.reduced += reduced
    }
  }

  /// The numbers of all shards, in their order; each shard's thread calls this with as many numbers.
  func gather(_ values: [Double], from shard: Int) throws -> [[Double]] {
    let turn = DispatchSemaphore(value: 0)
    let (parts, round) = try state.withLock { state -> ([[Double]]?, Int) in
      guard !state.hasFailed else { throw TrainingError.elsewhere }
      state.values[shard - own.lowerBound] = values
      state.arrived += 1
      if state.arrived == own.count { return (state.values, state.round) }
      state.waiting.append(turn)
      return (nil, state.round)
    }
    guard let parts else {
      turn.wait()
      return try state.withLock { state in
        // Another shard may have failed since; that is no reason not to see what this one makes of the numbers.
        guard state.round > round else { throw TrainingError.elsewhere }
        return state.result
      }
    }
    // The last one speaks for this rank.
    do {
      let result = try gather(parts)
      let waiting = state.withLock { state in
        defer { state.waiting = [] }
        (state.result, state.arrived) = (result, 0)
        state.round += 1
        return state.waiting
      }
      for turn in waiting { turn.signal() }
      return result
    } catch {
      fail()
      throw error
    }
  }

  private func gather(_ parts: [[Double]]) throws -> [[Double]] {
    guard collective.ranks > 1 else { return parts }
    let width = parts[0].count
    let start = ContinuousClock.now
    let all = try collective.gather(parts.flatMap(\.self), counts: ofRanks.map { $0.count * width })
    addTime(waited: start.duration(to: .now))
    return (0..<shards).map { Array(all[$0 * width..<($0 + 1) * width]) }
  }

  /// Lets all that wait for a shard that will not come go on, with an error; so does every later call.
  func fail() {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.hasFailed = true
      return state.waiting
    }
    for turn in waiting { turn.signal() }
  }

  /// Runs `body` for each shard of this rank, side by side; the results are in their order.
  ///
  /// - Throws: what the first shard threw that failed by itself.
  func run<Result: Sendable>(_ body: @escaping @Sendable (_ shard: Int) throws -> Result) throws -> [Result] {
    if own.count == 1 { return [try body(own.lowerBound)] }
    let outcomes = Outcomes<Result>(count: own.count)
    let work = { @Sendable [self, own] (place: Int) in
      do {
        outcomes.set(place, .success(try body(own.lowerBound + place)))
      } catch {
        outcomes.set(place, .failure(error))
        fail()
      }
    }
    for place in 1..<own.count where !WorkerThread.start({ work(place) }) {
      fail()
      outcomes.set(
        place,
        .failure(
          TrainingError(.badRun, "the system has no thread left for a shard; use fewer shards or threads")))
    }
    work(0)
    let all = outcomes.wait()
    let errors = all.compactMap { if case .failure(let error) = $0 { error } else { nil } }
    if let error = errors.first(where: { ($0 as? TrainingError)?.code != .elsewhere }) ?? errors.first {
      throw error
    }
    return try all.map { try $0.get() }
  }
}

/// What each shard's thread came to.
private final class Outcomes<Value: Sendable>: Sendable {
  private let values: Mutex<[Result<Value, any Error>?]>
  private let count: Int
  private let done = DispatchSemaphore(value: 0)

  init(count: Int) {
    self.count = count
    values = Mutex(Array(repeating: nil, count: count))
  }

  func set(_ place: Int, _ value: Result<Value, any Error>) {
    values.withLock { $0[place] = value }
    done.signal()
  }

  func wait() -> [Result<Value, any Error>] {
    for _ in 0..<count { done.wait() }
    return values.withLock { $0.compactMap(\.self) }
  }
}

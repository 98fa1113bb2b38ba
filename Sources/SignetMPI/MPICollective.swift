// SPDX-License-Identifier: Apache-2.0

#if MPI
import CMPI
import SignetTraining

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The processes that `mpirun` started, over MPI.
///
/// All calls are non-blocking ones that are asked for their end, with naps: so a wait notices that another rank has failed, and
/// does not take a core from those that compute. MPI only carries numbers; what is added is added by who asked.
package final class MPICollective: Collective {
  package let rank: Int
  package let ranks: Int
  private let handles: Handles

  /// Only read once they are made; MPI itself was started for calls from several threads.
  private struct Handles: @unchecked Sendable {
    /// One for each of the threads that may wait at a time, and one for the news of a failure.
    var statistics = signet_mpi_comm()
    var gradients = signet_mpi_comm()
    var failures = signet_mpi_comm()
  }

  /// Starts MPI; once in a process.
  ///
  /// - Throws: ``TrainingError`` if it can't be used from two threads.
  package init() throws {
    var (allThreads, rank, ranks) = (Int32(0), Int32(0), Int32(1))
    try Self.check(signet_mpi_start(&allThreads))
    guard allThreads != 0 else {
      throw TrainingError(
        .badRun, "this MPI was built without MPI_THREAD_MULTIPLE, which training needs; use one that has it")
    }
    var handles = Handles()
    try Self.check(signet_mpi_open(&handles.statistics, &rank, &ranks))
    try Self.check(signet_mpi_open(&handles.gradients, &rank, &ranks))
    try Self.check(signet_mpi_open(&handles.failures, &rank, &ranks))
    (self.rank, self.ranks, self.handles) = (Int(rank), Int(ranks), handles)
  }

  /// Ends MPI, together with all other ranks.
  package func leave() throws { try Self.check(signet_mpi_end()) }

  package func gather(_ values: [Double], counts: [Int]) throws -> [Double] {
    let layout = try CallLayout(counts)
    let own = CallBuffer(values)
    let all = CallBuffer(repeatElement(0.0, count: counts.reduce(0, +)))
    try wait {
      signet_mpi_gather_doubles(
        own.pointer, Int32(own.count), all.pointer, layout.counts.pointer, layout.places.pointer,
        handles.statistics, &$0)
    }
    layout.free()
    own.free()
    return all.take()
  }

  package func broadcast(_ bytes: [UInt8]) throws -> [UInt8] {
    let count = Int(try gather([Double(bytes.count)], counts: Array(repeating: 1, count: ranks))[0])
    let all = rank == 0 ? CallBuffer(bytes) : CallBuffer(repeatElement(UInt8(0), count: count))
    // MPI counts in 32 bits.
    let size = 1 << 28
    for start in stride(from: 0, to: count, by: size) {
      try wait {
        signet_mpi_broadcast(all.pointer + start, Int32(min(size, count - start)), handles.statistics, &$0)
      }
    }
    return all.take()
  }

  package func exchange(
    _ values: UnsafePointer<Float>, counts: [Int], into received: UnsafeMutablePointer<Float>,
    receivedCounts: [Int]
  ) throws {
    let (layout, receivedLayout) = (try CallLayout(counts), try CallLayout(receivedCounts))
    try wait {
      signet_mpi_exchange_floats(
        values, layout.counts.pointer, layout.places.pointer, received, receivedLayout.counts.pointer,
        receivedLayout.places.pointer, handles.gradients, &$0)
    }
    layout.free()
    receivedLayout.free()
  }

  package func complete(_ values: UnsafeMutablePointer<Float>, counts: [Int]) throws {
    let layout = try CallLayout(counts)
    try wait {
      signet_mpi_complete_floats(
        values, layout.counts.pointer, layout.places.pointer, handles.gradients, &$0)
    }
    layout.free()
  }

  /// Tells all other ranks that this one can't go on; they throw in what they wait for.
  package func announceFailure() {
    for other in 0..<ranks where other != rank { _ = signet_mpi_notify(Int32(other), handles.failures) }
  }

  /// Whether a rank has announced its failure.
  package func hasFailed(_ rank: Int) -> Bool { signet_mpi_has_failed(Int32(rank), handles.failures) != 0 }

  /// One of the ranks that have announced their failure, not always the lowest.
  package var failedRank: Int? {
    let rank = signet_mpi_failed_rank(handles.failures)
    return rank < 0 ? nil : Int(rank)
  }

  /// Waits for a condition, or so many seconds; meanwhile messages go on their way, which they don't while a process sleeps.
  package func linger(seconds: Double, until condition: () -> Bool = { false }) {
    let end = ContinuousClock.now + .seconds(seconds)
    while !condition(), ContinuousClock.now < end {
      _ = failedRank
      usleep(10_000)
    }
  }

  /// Ends all ranks at once.
  package func abort(status: Int32) { signet_mpi_abort(status) }

  /// Begins a call and waits for its end; what it was given must stay where it is, for good if this throws.
  private func wait(_ begin: (inout signet_mpi_request) -> Int32) throws {
    var request = signet_mpi_request()
    try Self.check(begin(&request))
    var (done, turns) = (Int32(0), 0)
    while true {
      try Self.check(signet_mpi_test(&request, &done))
      if done != 0 { return }
      turns += 1
      if turns.isMultiple(of: 64), let failedRank {
        throw TrainingError(.elsewhere, "rank \(failedRank) of \(ranks) failed; its error tells why")
      }
      // Short waits are awake; in long ones somebody else needs the core.
      if turns > 500 { usleep(turns > 5000 ? 200 : 20) } else if turns > 50 { sched_yield() }
    }
  }

  private static func check(_ code: Int32) throws {
    guard code != 0 else { return }
    var text = [CChar](repeating: 0, count: 512)
    signet_mpi_describe(code, &text, Int32(text.count))
    let reason = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    throw TrainingError(
      .badRun, "MPI failed: \(reason); check the machines and their network, then go on with --resume")
  }
}
#endif

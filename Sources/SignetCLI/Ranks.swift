// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import SignetTraining

#if MPI
import SignetMPI
#endif

/// The processes that train together, from the first call of MPI to the last.
struct Ranks {
  let collective: any Collective

  var rank: Int { collective.rank }
  var count: Int { collective.ranks }
  /// Whether this is the rank that writes and speaks.
  var isFirst: Bool { rank == 0 }

  /// Runs `body` as one of the ranks; what it throws ends them all.
  static func run(_ body: (Ranks) throws -> Void) throws {
    #if MPI
    if Launch.current.isParallel {
      let collective = try MPICollective()
      do {
        try Launch.current.check(against: collective.ranks)
      } catch {
        try collective.leave()
        throw error
      }
      let ranks = Ranks(collective: collective)
      do {
        try body(ranks)
      } catch let code as ExitCode {
        // All ranks have stopped alike.
        try collective.leave()
        throw code
      } catch {
        ranks.end(error, collective)
        throw error
      }
      try collective.leave()
      return
    }
    #endif
    try body(Ranks(collective: SingleRank()))
  }

  /// Does something on the first rank, then on the others, which find what that has left on the disk, as an index.
  func firstThenOthers<Value>(_ body: () throws -> Value) throws -> Value {
    guard count > 1 else { return try body() }
    if !isFirst { _ = try collective.broadcast([]) }
    let value = try body()
    if isFirst { _ = try collective.broadcast([]) }
    return value
  }

  #if MPI
  /// Tells the error with the rank that met it, and ends all ranks.
  private func end(_ error: any Error, _ collective: MPICollective) {
    let status = SignetCommand.exitCode(for: error).rawValue
    if (error as? TrainingError)?.code == .elsewhere {
      // The rank that failed tells, and ends all; that is waited for. Should none say that it was the one, rank 0 tells what it knows.
      collective.linger(seconds: 10) { collective.failedRank != nil }
      guard rank == 0, collective.failedRank == nil else {
        collective.linger(seconds: 10)
        return collective.abort(status: status)
      }
    }
    collective.announceFailure()
    // An error may be met on many ranks, as in a path that is wrong: the lowest of them tells it.
    let lower = 0..<rank
    collective.linger(seconds: rank > 0 ? 1 : 0) { lower.contains(where: collective.hasFailed) }
    if !lower.contains(where: collective.hasFailed) {
      FileHandle.standardError.write(
        Data("Error: rank \(rank) of \(count): \(SignetCommand.message(for: error))\n".utf8))
    }
    // Time for the first rank to keep the figures that led to it.
    collective.linger(seconds: 2)
    collective.abort(status: status)
  }
  #endif
}

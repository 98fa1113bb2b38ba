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

  #if MPI
  /// Tells the error with the rank that met it, and ends all ranks.
  private func end(_ error: any Error, _ collective: MPICollective) {
    let status = SignetCommand.exitCode(for: error).rawValue
    guard (error as? TrainingError)?.code != .elsewhere else {
      // The rank that failed tells, and ends all; that is waited for.
      sleep(10)
      return collective.abort(status: status)
    }
    collective.announceFailure()
    // An error may be met on many ranks, as in a path that is wrong: the lowest of them tells it.
    var failed = collective.failedRank
    for _ in 0..<10 where rank > 0 && failed == nil {
      usleep(100_000)
      failed = collective.failedRank
    }
    if failed.map({ $0 > rank }) ?? true {
      FileHandle.standardError.write(
        Data("Error: rank \(rank) of \(count): \(SignetCommand.message(for: error))\n".utf8))
    }
    // Time for the first rank to keep the figures that led to it.
    sleep(2)
    collective.abort(status: status)
  }
  #endif
}

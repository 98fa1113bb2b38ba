// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// What `mpirun` or another starter of several processes says in the environment.
struct Launch {
  /// Processes that were started together.
  let ranks: Int
  /// Those of them on this machine.
  let localRanks: Int
  /// Whether it was such a starter.
  let isParallel: Bool

  static let current = Launch(environment: ProcessInfo.processInfo.environment)

  init(environment: [String: String]) {
    func number(_ names: String...) -> Int? {
      names.lazy.compactMap { environment[$0].flatMap { Int($0) } }.first { $0 > 0 }
    }
    let ranks = number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
    isParallel = ranks != nil
    self.ranks = ranks ?? 1
    localRanks = min(self.ranks, number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS") ?? 1)
  }

  /// Cores for this process: the machine's, shared out among its ranks unless each was bound to its own.
  var cores: Int {
    let process = ProcessInfo.processInfo
    let isBound = process.activeProcessorCount < process.processorCount
    return isBound ? process.activeProcessorCount : max(1, process.activeProcessorCount / localRanks)
  }

  /// Refuses several processes where the build can't connect them.
  func checkBuild() throws {
    #if !MPI
    if ranks > 1 {
      throw ValidationError(
        "\(ranks) processes were started together, but this build has no MPI; build with `swift build -c release --product signet --traits MPI`"
      )
    }
    #endif
  }

  /// Refuses several processes for a command that is one's work.
  func checkIsAlone(_ command: String) throws {
    if ranks > 1 {
      throw ValidationError(
        "\(ranks) processes were started together, but signet \(command) is one process's work; mpirun is for signet train"
      )
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetTraining

/// What `mpirun` or another starter of several processes says in the environment.
struct Launch {
  /// Processes that were started together.
  let ranks: Int
  /// Those of them on this machine.
  let localRanks: Int
  /// Whether it was a starter that MPI knows how to connect.
  let isParallel: Bool

  static let current = Launch(environment: ProcessInfo.processInfo.environment)

  init(environment: [String: String]) {
    func number(_ names: String...) -> Int? {
      names.lazy.compactMap { environment[$0].flatMap { Int($0) } }.first { $0 > 0 }
    }
    let ranks = number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
    isParallel = ranks != nil
    // Slurm's own starter has tasks in a batch job as well, but gives numbers for PMIx only to those that it starts.
    let tasks = environment["PMIX_RANK"].flatMap { _ in number("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS") }
    self.ranks = ranks ?? tasks ?? 1
    localRanks = min(self.ranks, number("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS") ?? 1)
  }

  /// Cores for this process: those that it may use, but no more than its share of those that its launcher may.
  ///
  /// Ranks that the launcher bound to cores of their own keep them; those that it left alone, or bound to the same socket, share. What a
  /// container, a batch system or `taskset` took from the launcher counts for neither.
  var cores: Int {
    let own = ProcessInfo.processInfo.activeProcessorCount
    guard localRanks > 1 else { return own }
    return max(1, min(own, (Launcher.cores ?? own) / localRanks))
  }

  /// Refuses several processes that can't be connected.
  func check() throws {
    guard ranks > 1 else { return }
    guard isParallel else {
      throw ValidationError(
        "\(ranks) processes were started together by srun, which signet train does not know; start them with mpirun -n \(ranks)"
      )
    }
    #if !MPI
    throw ValidationError(
      "\(ranks) processes were started together, but this build has no MPI; build with `swift build -c release --product signet --traits MPI`"
    )
    #endif
  }

  /// Refuses processes of which MPI knows another number: each would train for itself, into the same folder.
  func check(against connected: Int) throws {
    guard connected != ranks else { return }
    throw TrainingError(
      .badRun,
      "\(counted(ranks, "process", plural: "processes")) were started together, but MPI has connected \(connected); use the mpirun of the Open MPI that signet was built with"
    )
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

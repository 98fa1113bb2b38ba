// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Runs whose batches are cut into shards, and processes that were started together.
///
/// Several ranks need MPI: `Scripts/test-mpi` compares them.
struct ShardedRunTests {
  private static func arguments(_ output: String, _ more: String...) -> [String] {
    [
      "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "2", "--learning-rate", "0.01",
      "--batch-size", "32", "--output", output,
    ] + more
  }

  /// Oracle: the run with one thread.
  @Test func shardsAreKeptAndTold() throws {
    let folder = try Workspace.newFolderWithData()
    let outcome = try SignetProcess.run(
      Self.arguments("one", "--sync-batchnorm", "--threads", "1", "--json"), in: folder)
    let result = try outcome.json()
    #expect(result["shards"] as? Int == 2 && result["ranks"] as? Int == 1)
    #expect(result["seconds_waiting_for_reductions"] as? Double == 0)
    #expect(outcome.output.contains("2 shards on 1 rank, BatchNorm synchronised"))
    let text = String(decoding: try Workspace.read(folder + "/one/config.yaml"), as: UTF8.self)
    #expect(text.contains("shards: 2\n") && text.contains("syncBatchNorm: true\n"))
    _ = try SignetProcess.run(
      Self.arguments("two", "--sync-batchnorm", "--shards", "2", "--threads", "2", "--json"), in: folder
    ).json()
    try ResumeTests.expectEqualRuns(folder + "/one", folder + "/two")
    try expectFailure(
      ["train", "--resume", "--output", "one", "--shards", "3"], in: folder,
      says: ["one: --shards is 3", "started with 2"])
    let again = try signet(
      "train", "--resume", "--output", "one", "--shards", "2", "--sync-batchnorm", in: folder)
    #expect(again.status == 0, "\(again.errors)")
  }

  @Test func aPlainRunHasNone() throws {
    let folder = try TrainedRun.copy()
    let text = String(decoding: try Workspace.read(folder + "/run/config.yaml"), as: UTF8.self)
    #expect(!text.contains("shards") && !text.contains("syncBatchNorm"))
    try expectFailure(
      ["train", "--resume", "--output", "run", "--sync-batchnorm"], in: folder,
      says: ["run: --sync-batchnorm is true"])
  }

  @Test func impossibleShards() throws {
    let folder = try Workspace.newFolderWithData()
    try expectFailure(
      Self.arguments("run", "--shards", "0"), in: folder, status: 64, says: ["--shards 0", "from 1"])
    try expectFailure(
      Self.arguments("run", "--shards", "33"), in: folder, says: ["32 images", "33 shards", "fewer shards"])
    // 240 images, most of them held out: told before there is a folder.
    try expectFailure(
      Self.arguments("run", "--shards", "20", "--validation", "230"), in: folder,
      says: ["10 images", "20 shards", "give more data"])
  }

  #if !MPI
  /// What Open MPI and MPICH tell the processes that they start.
  @Test(arguments: ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
  func severalProcessesNeedMPI(variable: String) throws {
    let folder = try Workspace.newFolderWithData()
    try expectFailure(
      Self.arguments("run"), in: folder, status: 64,
      says: ["2 processes", "this build has no MPI", "--traits MPI", "Usage: signet train"],
      environment: [variable: "2"])
    // What can't be mended by other options comes first.
    try expectFailure(
      Self.arguments("run", "--shards", "1"), in: folder, status: 64, says: ["this build has no MPI"],
      environment: [variable: "2"])
    let alone = try SignetProcess.run(Self.arguments("run"), in: folder, environment: [variable: "1"])
    #expect(alone.status == 0, "\(alone.errors)")
  }
  #endif

  /// Slurm's `srun` without `mpirun`: each process would train for itself.
  @Test(arguments: ["SLURM_NTASKS", "SLURM_STEP_NUM_TASKS"])
  func processesOfSlurmAreRefused(variable: String) throws {
    let folder = try Workspace.newFolderWithData()
    try expectFailure(
      Self.arguments("run"), in: folder, status: 64, says: ["3 processes", "srun", "mpirun -n 3"],
      environment: [variable: "3", "PMIX_RANK": "0"])
    // A script of a batch job, and a task alone.
    for (name, environment) in [
      ("script", [variable: "3"]), ("task", [variable: "1", "PMIX_RANK": "0"]),
    ] {
      let outcome = try SignetProcess.run(Self.arguments(name), in: folder, environment: environment)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
  }

  /// Oracle: this process's cores, which all ranks share; a script between launcher and rank changes nothing.
  @Test(arguments: [1, 2, 1_000_000], [nil, "\"$@\"; exit $?"])
  func ranksShareTheCores(ranks: Int, script: String?) throws {
    let folder = try Workspace.newFolderWithData()
    let variables = ["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"].map { ($0, "\(ranks)") }
    let result = try SignetProcess.run(
      [
        "benchmark", "--training", "--network", "net.yaml", "--input", "12x12x1", "--classes", "5", "--runs",
        "1", "--batch", "3", "--json",
      ], in: folder,
      environment: Dictionary(uniqueKeysWithValues: variables + [("OMPI_COMM_WORLD_RANK", "0")]),
      script: script
    ).json()
    #expect(result["threads"] as? Int == max(1, ProcessInfo.processInfo.activeProcessorCount / ranks))
  }

  @Test func aStudyIsOneProcess() throws {
    let folder = try Workspace.newFolderWithData()
    try expectFailure(
      ["study", "activation", "--data", "idx:data", "--output", "study"], in: folder, status: 64,
      says: ["4 processes", "mpirun is for signet train"], environment: ["OMPI_COMM_WORLD_SIZE": "4"])
  }
}

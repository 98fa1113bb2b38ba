// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A run's folder, which one process at a time may work on, and what its `config.yaml` tells.
struct RunFolderTests {
  private static let long = [
    "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "2000", "--batch-size", "16",
    "--output",
    "run",
  ]

  /// Starts a run, and returns once it has a checkpoint.
  private static func start(_ arguments: [String], in folder: String, run: String = "run") throws -> Process {
    let process = try SignetProcess.start(
      arguments, in: folder, output: .nullDevice, errors: .nullDevice)
    let deadline = Date(timeIntervalSinceNow: 60)
    while ResumeTests.epoch(of: "\(folder)/\(run)") == nil, process.isRunning, Date() < deadline {
      usleep(500)
    }
    return process
  }

  private static func kill(_ process: Process) {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Oracle: what a second process is told, and the temporary file that it would have removed.
  @Test func oneProcessAtATimeTrainsARun() throws {
    let folder = try Workspace.newFolderWithData()
    let process = try Self.start(Self.long, in: folder)
    defer { Self.kill(process) }
    // As the first process writes one at times.
    let temporary = folder + "/run/.signet-1-0.tmp"
    try Workspace.write([1], to: temporary)
    for arguments in [["train", "--resume", "--output", "run"], Self.long] {
      try expectFailure(
        arguments, in: folder,
        says: ["run: another process works on this run", "wait for it, or stop it"], changes: true)
      #expect(FileManager.default.fileExists(atPath: temporary))
    }
    #expect(process.isRunning)
    // The lock goes with the process, also when it is killed.
    Self.kill(process)
    let next = try Self.start(["train", "--resume", "--output", "run"], in: folder)
    while FileManager.default.fileExists(atPath: temporary), next.isRunning { usleep(500) }
    #expect(next.isRunning)
    Self.kill(next)
  }

  @Test func aRunOfAStudyAtWorkIsLeftAlone() throws {
    let folder = try Workspace.newFolderWithData()
    let process = try SignetProcess.start(
      [
        "study", "last-layer", "--data", "idx:data", "--network", "net.yaml", "--epochs", "2000",
        "--batch-size",
        "16", "--output", "study",
      ], in: folder, output: .nullDevice, errors: .nullDevice)
    defer { Self.kill(process) }
    func runs() -> [String] {
      let names =
        FileManager.default.enumerator(atPath: folder + "/study")?.compactMap { $0 as? String } ?? []
      return names.filter { $0.hasSuffix("/checkpoint.safetensors") }
    }
    let deadline = Date(timeIntervalSinceNow: 60)
    while runs().isEmpty, process.isRunning, Date() < deadline { usleep(5000) }
    let run = "study/" + (try #require(runs().first) as NSString).deletingLastPathComponent
    try expectFailure(
      ["train", "--resume", "--output", run], in: folder,
      says: ["\(run): another process works on this run"], changes: true)
  }

  private static func configuration(_ folder: String) throws -> String {
    String(decoding: try Workspace.read(folder + "/run/config.yaml"), as: UTF8.self)
  }

  /// Oracle: the file before it was lost, as by a kill.
  @Test func theConfigurationIsMended() throws {
    let folder = try TrainedRun.copy()
    let whole = try Self.configuration(folder)
    for damaged in [nil, "", "epochs: 9\n"] as [String?] {
      try FileManager.default.removeItem(atPath: folder + "/run/config.yaml")
      if let damaged { try Workspace.write(Array(damaged.utf8), to: folder + "/run/config.yaml") }
      _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
      #expect(try Self.configuration(folder) == whole)
    }
  }

  /// Oracle: the changes that the test wrote into the checkpoint, as runs that go on with more ranks do.
  @Test func earlierShardsAreNoted() throws {
    let folder = try TrainedRun.copy()
    let path = folder + "/run/checkpoint.safetensors"
    var checkpoint = try SafetensorsEditor(path: path)
    func rewrite(_ earlier: [[String: Int]]) throws {
      try checkpoint.edit("configuration", as: [String: Any].self) {
        ($0["shards"], $0["earlierShards"]) = (3, earlier)
      }
      try Workspace.write(try checkpoint.encoded(), to: path)
      _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
    }
    try rewrite([["shards": 1, "untilStep": 5]])
    #expect(
      try Self.configuration(folder).contains(
        "\n# Until step 5 each of its batches was 1 shard: it can't be repeated in one go.\n"))
    try rewrite([["shards": 1, "untilStep": 5], ["shards": 2, "untilStep": 9]])
    let text = try Self.configuration(folder)
    #expect(
      text.contains(
        "\n# Until step 5 each of its batches was 1 shard, until step 9 2 shards: it can't be repeated in one go.\n"
      ))
    #expect(text.contains("\nshards: 3\n"))
  }

  /// Of runs from before, the file alone has the note.
  @Test func anOldNoteIsKept() throws {
    let folder = try TrainedRun.copy()
    let note = "# Until step 9 each of its batches was 1 shard: it can't be repeated in one go.\n"
    let lines = try Self.configuration(folder).split(separator: "\n", maxSplits: 1)
    let old = "\(lines[0])\n\(note)\(lines[1])"
    try Workspace.write(Array(old.utf8), to: folder + "/run/config.yaml")
    _ = try signet("train", "--resume", "--output", "run", "--keep", "2", "--json", in: folder).json()
    #expect(try Self.configuration(folder) == old + "keep: 2\n")
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Checkpoints within epochs, those that are kept, and runs that are asked to stop.
///
/// Oracle: the same run, uninterrupted, byte for byte.
struct CheckpointTests {
  private static let epochs = 30
  private static let steps = epochs * 12

  private static func arguments(_ more: String...) -> [String] {
    [
      "train", "--data", "idx:data", "--network", "net.yaml", "--binarizations", "2", "--schedule", "plateau",
      "--learning-rate", "0.003", "--epochs", "\(epochs)", "--batch-size", "16", "--validation", "40",
      "--output", "run",
    ] + more
  }

  private static let unbroken = Result {
    let folder = try Workspace.newFolderWithData()
    _ = try SignetProcess.run(arguments("--json"), in: folder).json()
    return folder
  }

  private static func step(of path: String) -> Int? {
    guard let archive = try? SafetensorsEditor(path: path),
      let text = archive.metadata["progress"] as? String,
      let progress = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    else { return nil }
    return progress["step"] as? Int
  }

  private static func kept(in folder: String) throws -> [String] {
    try Workspace.names(in: folder + "/run/checkpoints").sorted()
  }

  private static func start(
    in folder: String, untilStep step: Int, errors: FileHandle = .nullDevice, _ more: String...
  ) throws -> Process {
    let process = try SignetProcess.start(
      arguments() + more, in: folder, output: .nullDevice, errors: errors)
    let deadline = Date(timeIntervalSinceNow: 60)
    while (Self.step(of: folder + "/run/checkpoint.safetensors") ?? 0) < step, process.isRunning,
      Date() < deadline
    { usleep(500) }
    return process
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalFinishesTheStepAndSaves(number: Int32) throws {
    let folder = try Workspace.newFolderWithData()
    let capture = folder + "/errors"
    try Data().write(to: URL(filePath: capture))
    let process = try Self.start(
      in: folder, untilStep: 13, errors: try #require(FileHandle(forWritingAtPath: capture)),
      "--checkpoint-every", "1")
    kill(process.processIdentifier, number)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 130)
    let stopped = try #require(Self.step(of: folder + "/run/checkpoint.safetensors"))
    try #require(stopped < Self.steps)
    let said = String(decoding: try Workspace.read(capture), as: UTF8.self)
    // After an epoch's last step it may have been stopped before the epoch's figures, or behind them.
    let epochs = try #require(ResumeTests.epoch(of: folder + "/run"))
    try #require(epochs == stopped / 12 || epochs * 12 + 12 == stopped)
    #expect(said.contains("stopped after step \(stopped), in epoch \(epochs + 1) of \(Self.epochs)"))
    #expect(said.contains("signet train --resume --output run goes on"))
    let lines = try Metrics.lines(of: folder + "/run").filter { $0["kind"] as? String == "step" }
    #expect(lines.count == stopped, "the log has every step that the checkpoint has")
    try FileManager.default.removeItem(atPath: capture)
    _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
    try ResumeTests.expectEqualRuns(folder + "/run", try Self.unbroken.get() + "/run")
  }

  @Test(arguments: [5, 40]) func aRunKilledWithinAnEpochLosesOnlySteps(step: Int) throws {
    let folder = try Workspace.newFolderWithData()
    let process = try Self.start(in: folder, untilStep: step, "--checkpoint-every", "5")
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let stopped = try #require(Self.step(of: folder + "/run/checkpoint.safetensors"))
    try #require(stopped < Self.steps && (stopped % 5 == 0 || stopped % 12 == 0))
    _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
    try ResumeTests.expectEqualRuns(folder + "/run", try Self.unbroken.get() + "/run")
  }

  @Test func theLastOnesAreKept() throws {
    let folder = try Workspace.newFolderWithData()
    _ = try SignetProcess.run(
      Self.arguments("--checkpoint-every", "5", "--keep", "3", "--json"), in: folder
    ).json()
    let last = [350, 355, 360].map { "step-\($0).safetensors" }
    #expect(try Self.kept(in: folder) == last)
    for (name, step) in zip(last, [350, 355, 360]) {
      #expect(Self.step(of: folder + "/run/checkpoints/" + name) == step)
    }
    #expect(
      try Workspace.read(folder + "/run/checkpoint.safetensors")
        == Workspace.read(try Self.unbroken.get() + "/run/checkpoint.safetensors"))
  }

  /// As after a fault of the disk; what was trained since is trained again, to the same bits.
  @Test(arguments: [false, true]) func aDamagedCheckpointIsReplacedByTheOneBefore(lost: Bool) throws {
    let folder = try Workspace.newFolderWithData()
    _ = try SignetProcess.run(
      Self.arguments("--checkpoint-every", "5", "--keep", "3", "--json"), in: folder
    ).json()
    let newest = folder + "/run/checkpoint.safetensors"
    // A new file in place of the old one: what is kept has other blocks on the disk.
    let bytes = try Workspace.read(newest)
    try FileManager.default.removeItem(atPath: newest)
    if !lost { try Workspace.write(Array(bytes.dropLast(7)), to: newest) }
    let newestKept = folder + "/run/checkpoints/step-360.safetensors"
    try FileManager.default.removeItem(atPath: newestKept)
    try Workspace.write(Array(bytes.prefix(100)), to: newestKept)
    let resumed = try signet("train", "--resume", "--output", "run", "--keep", "1", "--json", in: folder)
    #expect(try resumed.json()["steps"] as? Int == Self.steps)
    #expect(resumed.errors.contains("going on from run/checkpoints/step-355.safetensors instead, step 355"))
    try ResumeTests.expectEqualRuns(folder + "/run", try Self.unbroken.get() + "/run")
  }

  /// What a run was started with, it keeps to; what is given when it goes on takes its place.
  ///
  /// Oracle: the steps that are multiples of 5, and the epochs' last ones.
  @Test func theOptionsAreRemembered() throws {
    let folder = try Workspace.newFolderWithData()
    let process = try Self.start(
      in: folder, untilStep: 40, "--checkpoint-every", "5", "--keep", "3")
    // Not killed: that may come between a new file and the removal of the oldest.
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    let old = folder + "/old"
    try Workspace.copy(folder + "/run", to: old)
    let configuration = folder + "/run/config.yaml"
    func text() throws -> String { String(decoding: try Workspace.read(configuration), as: UTF8.self) }
    #expect(try text().hasSuffix("\ncheckpointEvery: 5\nkeep: 3\n"))
    _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
    #expect(try Self.kept(in: folder) == [350, 355, 360].map { "step-\($0).safetensors" })
    #expect(try text().hasSuffix("\ncheckpointEvery: 5\nkeep: 3\n"))
    _ = try signet(
      "train", "--resume", "--output", "run", "--checkpoint-every", "90m", "--keep", "4", "--json", in: folder
    ).json()
    #expect(try text().hasSuffix("\ncheckpointEvery: 1h30m\nkeep: 4\n"))

    // A run from before they were written down has as many as there are.
    try FileManager.default.removeItem(atPath: folder + "/run")
    try Workspace.copy(old, to: folder + "/run")
    let lines = try text().split(separator: "\n")
    try Workspace.write(Array((lines.dropLast(2).joined(separator: "\n") + "\n").utf8), to: configuration)
    _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
    #expect(try Self.kept(in: folder) == [336, 348, 360].map { "step-\($0).safetensors" })
  }

  @Test func wrongOptionsAreRefused() throws {
    let folder = try Workspace.newFolderWithData()
    for pace in ["0", "-1", "soon", "10 minutes", "0m"] {
      try expectFailure(
        Self.arguments("--checkpoint-every", pace), in: folder, status: 64, says: ["--checkpoint-every"])
    }
    for keep in ["0", "-3"] {
      try expectFailure(
        Self.arguments("--keep", keep), in: folder, status: 64, says: ["--keep \(keep)", "from 1 to"])
    }
  }
}

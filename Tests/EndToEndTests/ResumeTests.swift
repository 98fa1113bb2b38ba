// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Runs that are repeated, killed and resumed.
///
/// Oracle: the same run, uninterrupted, byte for byte.
struct ResumeTests {
  private static let epochs = 40

  private static func arguments(output: String, threads: Int) -> [String] {
    [
      "train", "--data", "idx:data", "--network", "net.yaml", "--binarizations", "2", "--schedule", "cosine",
      "--learning-rate", "0.003", "--epochs", "\(epochs)", "--batch-size", "16", "--validation", "40",
      "--seed", "7",
      "--output", output, "--threads", "\(threads)", "--json",
    ]
  }

  /// The run as it is without an interruption, on one thread.
  private static let uninterrupted = Result {
    let folder = try Workspace.newFolderWithData()
    _ = try SignetProcess.run(arguments(output: "run", threads: 1), in: folder).json()
    return folder
  }

  /// How often and how many checkpoints are kept may differ.
  static func expectEqualRuns(_ run: String, _ other: String) throws {
    for name in ["checkpoint.safetensors", "model.signet"] {
      #expect(try Workspace.read(run + "/" + name) == Workspace.read(other + "/" + name), "\(name)")
    }
    func configuration(_ run: String) throws -> [Substring] {
      String(decoding: try Workspace.read(run + "/config.yaml"), as: UTF8.self).split(separator: "\n")
        .filter { !$0.hasPrefix("checkpointEvery: ") && !$0.hasPrefix("keep: ") }
    }
    #expect(try configuration(run) == configuration(other))
    #expect(try Metrics.timeless(run) == Metrics.timeless(other))
    let names = try Workspace.names(in: run)
    #expect(names.count == 5 && names.allSatisfy { !$0.hasPrefix(".") }, "\(names)")
  }

  /// The epochs that a run's checkpoint has; nil before the first one.
  static func epoch(of run: String) -> Int? {
    guard let archive = try? SafetensorsEditor(path: run + "/checkpoint.safetensors"),
      let text = archive.metadata["progress"] as? String,
      let progress = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    else { return nil }
    return progress["epoch"] as? Int
  }

  /// Starts a run, kills it once its checkpoint has `epoch` epochs, and returns how many it has: fewer than `epochs`.
  static func killed(
    _ arguments: [String], in folder: String, run: String, after epoch: Int, of epochs: Int
  ) throws -> Int {
    let path = folder + "/" + run
    let process = try SignetProcess.start(
      arguments, in: folder, output: .nullDevice, errors: .nullDevice)
    let deadline = Date(timeIntervalSinceNow: 60)
    while (Self.epoch(of: path) ?? 0) < epoch, process.isRunning, Date() < deadline { usleep(500) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let stopped = try #require(Self.epoch(of: path))
    try #require(stopped >= epoch && stopped < epochs, "killed after epoch \(stopped)")
    return stopped
  }

  @Test func threadsDoNotMatter() throws {
    let folder = try Workspace.newFolderWithData()
    _ = try SignetProcess.run(Self.arguments(output: "run", threads: 2), in: folder).json()
    try Self.expectEqualRuns(folder + "/run", try Self.uninterrupted.get() + "/run")
  }

  @Test func anotherSeedIsAnotherRun() throws {
    let folder = try Workspace.newFolderWithData()
    let arguments = Self.arguments(output: "run", threads: 1).map { $0 == "7" ? "8" : $0 }
    _ = try SignetProcess.run(arguments, in: folder).json()
    let other = try Self.uninterrupted.get()
    #expect(
      try Workspace.read(folder + "/run/checkpoint.safetensors")
        != Workspace.read(other + "/run/checkpoint.safetensors"))
  }

  @Test(arguments: [1, 4, 9]) func aKilledRunIsResumed(atLeast epoch: Int) throws {
    let folder = try Workspace.newFolderWithData()
    let run = folder + "/run"
    let stopped = try Self.killed(
      Self.arguments(output: "run", threads: 2), in: folder, run: "run", after: epoch, of: Self.epochs)
    // What a process that is killed while it writes leaves behind.
    try Workspace.write([1, 2, 3], to: run + "/.signet-1-0.tmp")

    let resumed = try signet("train", "--resume", "--output", "run", "--json", in: folder)
    #expect(try resumed.json()["epochs"] as? Int == Self.epochs)
    #expect(!resumed.output.contains("epoch \(stopped)/"))
    #expect(resumed.output.contains("epoch \(stopped + 1)/"))
    try Self.expectEqualRuns(run, try Self.uninterrupted.get() + "/run")
    let steps = try Metrics.lines(of: run).filter { $0["kind"] as? String == "step" }
    #expect(steps.compactMap { $0["step"] as? Int } == Array(1...Self.epochs * 12))
  }

  @Test func aFinishedRunIsLeftAsItIs() throws {
    let folder = try TrainedRun.copy()
    let files = ["checkpoint.safetensors", "model.signet", "config.yaml", "metrics.jsonl"]
    let before = try files.map { try Workspace.read(folder + "/run/" + $0) }
    _ = try signet("train", "--resume", "--output", "run", "--json", in: folder).json()
    #expect(try files.map { try Workspace.read(folder + "/run/" + $0) } == before)
  }

  /// The run's own options may be repeated.
  @Test func repeatedOptionsAreAccepted() throws {
    let folder = try TrainedRun.copy()
    let outcome = try signet(
      "train", "--resume", "--output", "run", "--data", "idx:data", "--network", "net.yaml", "--epochs",
      "\(TrainedRun.epochs)", "--learning-rate", "0.01", "--scale-layer", "on", "--width", "1",
      "--augmentation", "none", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test func otherOptionsAreRefusedByName() throws {
    let folder = try TrainedRun.copy()
    for (option, value) in [
      ("--data", "idx:other"), ("--network", "mlp"), ("--network", "nin"), ("--epochs", "7"),
      ("--width", "0.5"), ("--augmentation", "crop-flip"),
      ("--method", "full-precision"), ("--binarizations", "1"), ("--batch-size", "16"),
      ("--learning-rate", "0.02"),
      ("--schedule", "cosine"), ("--regularizer", "none"), ("--activation", "relu"), ("--last-layer", "full"),
      ("--scale-layer", "off"), ("--first-layer", "int8"), ("--validation", "0"), ("--seed", "2"),
    ] {
      try expectFailure(
        ["train", "--resume", "--output", "run", option, value], in: folder,
        says: ["run: \(option)", value, "leave the option out"])
    }
  }

  @Test func thereMustBeARun() throws {
    let folder = try Workspace.newFolderWithData()
    try expectFailure(
      ["train", "--resume", "--output", "none"], in: folder,
      says: ["none", "no checkpoint", "without --resume"])
    try Workspace.write(Array("x: 1\n".utf8), to: folder + "/begun/config.yaml")
    try expectFailure(
      ["train", "--resume", "--output", "begun"], in: folder, says: ["before its first", "remove the folder"])
    try expectFailure(
      ["train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--output", "begun"],
      in: folder,
      says: ["before its first checkpoint", "remove it"])
  }

  @Test func changedDataAreRefused() throws {
    let folder = try TrainedRun.copy()
    func expectRefusal(_ words: String...) throws {
      try expectFailure(["train", "--resume", "--output", "run"], in: folder, says: words)
    }
    let labels = folder + "/data/train-labels-idx1-ubyte"
    try Workspace.write(IDXFile.bytes([240], [9] + SampleData.small.labels[1..<240]), to: labels)
    try expectRefusal("run: idx:data is not the data", "restore")
    try Workspace.write(IDXFile.bytes([240], Array(SampleData.small.labels[..<240])), to: labels)
    let images = folder + "/data/train-images-idx3-ubyte"
    var bytes = try Workspace.read(images)
    bytes[bytes.count - 1] ^= 255
    bytes[16] ^= 255
    try Workspace.write(bytes, to: images)
    try expectRefusal("run: idx:data is not the data", "restore")
    try FileManager.default.removeItem(atPath: images)
    try expectRefusal("data: has no file train-images-idx3-ubyte")
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Places that can't be written to: what was there stays as it was.
struct BadOutputTests {
  private static let train = [
    "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--output",
  ]

  @Test func foldersThatAreTaken() throws {
    let folder = try TrainedRun.copy()
    try Workspace.write([1], to: folder + "/other/something")
    for (output, words) in [
      ("run", ["run holds another run", "--resume", "new folder"]),
      ("other", ["other is not empty", "new folder"]),
      ("net.yaml", ["net.yaml is a file", "new folder"]),
      ("net.yaml/run", ["net.yaml/run can't be made", "Not a directory"]),
      ("net.yaml/a/run", ["net.yaml/a/run can't be made", "Not a directory"]),
    ] {
      try expectFailure(Self.train + [output], in: folder, says: words)
    }
    try expectFailure(Self.train + [""], in: folder, status: 64, says: ["--output is empty"])
  }

  @Test func anEmptyFolderAndNewOnesAreTaken() throws {
    let folder = try Workspace.newFolderWithData()
    try FileManager.default.createDirectory(atPath: folder + "/empty", withIntermediateDirectories: true)
    for output in ["empty", "a/b/c", "./d//e/", folder + "/f/g"] {
      let outcome = try SignetProcess.run(Self.train + [output], in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let path = output.hasPrefix("/") ? output : folder + "/" + output
      #expect(try Workspace.names(in: path).contains("model.signet"))
    }
  }

  /// How the command is started by somebody who may not write everywhere: root lets go of its rights.
  private static let asUser =
    geteuid() == 0
    ? "exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \"$@\"" : "exec \"$@\""

  private static func canRunAsUser() -> Bool {
    guard let folder = try? Workspace.newFolder() else { return false }
    return (try? SignetProcess.run(["--version"], in: folder, script: asUser))?.status == 0
  }

  @Test(.enabled("the command can be run without root's rights") { canRunAsUser() })
  func readOnlyFolders() throws {
    let folder = try TrainedRun.copy()
    try FileManager.default.createDirectory(atPath: folder + "/locked", withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder + "/locked")
    defer {
      try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/locked")
    }
    try expectFailure(
      Self.train + ["locked/run"], in: folder, says: ["locked/run", "Permission denied", "written"],
      script: Self.asUser)
    try expectFailure(
      Self.train + ["locked"], in: folder, says: ["locked", "Permission denied", "choose another"],
      script: Self.asUser)
    try expectFailure(
      ["export", "run/checkpoint.safetensors", "--output", "locked/out.signet"], in: folder,
      says: ["locked/out.signet", "not writable"], script: Self.asUser)
  }

  @Test func filesThatCannotBeWritten() throws {
    let folder = try TrainedRun.copy()
    for (output, words) in [
      ("none/out.signet", ["none/out.signet", "folder doesn't exist"]), ("data", ["data", "is a folder"]),
      ("net.yaml/out.signet", ["net.yaml/out.signet"]), ("/dev/null", ["/dev/null", "device"]),
      ("run/checkpoint.safetensors", ["is the checkpoint itself", "another file"]),
      ("data/../run/checkpoint.safetensors", ["is the checkpoint itself"]),
    ] {
      try expectFailure(
        ["export", "run/checkpoint.safetensors", "--output", output, "--json"], in: folder, says: words)
      guard !words.contains("is the checkpoint itself") else { continue }
      guard !output.hasPrefix("run/"), !output.hasPrefix("data/") else { continue }
      try expectFailure(
        ["inspect", "--network", "mlp", "--write", output, "--json"], in: folder, says: words)
    }
    try expectFailure(
      ["export", "run/checkpoint.safetensors", "--output", ""], in: folder, status: 64,
      says: ["--output is empty"])
  }

  /// A limit of the file's size stands for a disk that is full; its unit is 512 or 1024 bytes.
  private static func limited(_ blocks: Int) -> String { "ulimit -f \(blocks); exec \"$@\"" }

  @Test func aDiskThatFillsUpDuringAnExport() throws {
    let folder = try TrainedRun.copy()
    try Workspace.write([1, 2, 3], to: folder + "/out.signet")
    for output in ["out.signet", "new.signet"] {
      try expectFailure(
        ["export", "run/checkpoint.safetensors", "--output", output, "--json"], in: folder,
        says: [output, "can't be written", "ulimit -f"], script: Self.limited(1))
    }
    try expectFailure(
      ["inspect", "--network", "mlp", "--write", "out.signet"], in: folder,
      says: ["out.signet", "can't be written"], script: Self.limited(1))
  }

  /// A run whose first epochs fit, and then no more: the checkpoint is the last whole one, and the run can go on.
  @Test func aDiskThatFillsUpDuringTraining() throws {
    let long = try Workspace.newFolderWithData()
    let options = [
      "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "200", "--output", "run",
    ]
    let failed = try expectFailure(
      options, in: long, says: ["run/", "can't", "write", "File too large", "free", "go on with --resume"],
      script: Self.limited(200),
      changes: true)
    #expect(failed.output.contains("epoch 1/200"))
    let checkpoint = try Workspace.read(long + "/run/checkpoint.safetensors")
    try #require(checkpoint.count > 0)
    // Metrics or curves met the limit; the checkpoint before that is whole, and so is the model.
    let inspected = try signet("inspect", "run/checkpoint.safetensors", "--json", in: long)
    #expect(inspected.status == 0, "\(inspected.errors)")
    #expect(try signet("evaluate", "run/model.signet", "--data", "idx:data", in: long).status == 0)
    #expect(try Workspace.names(in: long + "/run").allSatisfy { !$0.hasPrefix(".") })

    // No room for the next checkpoint either: still the old one.
    try expectFailure(
      ["train", "--resume", "--output", "run"], in: long, says: ["can't be written"],
      script: Self.limited(16),
      changes: true)
    #expect(try Workspace.read(long + "/run/checkpoint.safetensors") == checkpoint)

    let resumed = try signet("train", "--resume", "--output", "run", "--json", in: long)
    #expect(try resumed.json()["epochs"] as? Int == 200)
    let other = try Workspace.newFolderWithData()
    _ = try SignetProcess.run(options + ["--json"], in: other).json()
    for name in ["checkpoint.safetensors", "model.signet"] {
      #expect(try Workspace.read(long + "/run/" + name) == Workspace.read(other + "/run/" + name), "\(name)")
    }
    #expect(try Metrics.timeless(long + "/run") == Metrics.timeless(other + "/run"))
  }

  /// Not even the first checkpoint fits.
  @Test func aDiskThatIsFullFromTheStart() throws {
    let folder = try Workspace.newFolderWithData()
    try expectFailure(
      Self.train + ["run"], in: folder, says: ["run/checkpoint.safetensors", "can't be written"],
      script: Self.limited(32), changes: true)
    #expect(try !Workspace.names(in: folder + "/run").contains("checkpoint.safetensors"))
    #expect(try Workspace.names(in: folder + "/run").allSatisfy { !$0.hasPrefix(".") })
  }

  #if os(Linux)
  @Test func aFullStandardOutput() throws {
    let run = try TrainedRun.shared.get()
    for arguments in [["inspect", run.model, "--json"], ["evaluate", run.model, "--data", "idx:data"]] {
      try expectFailure(
        arguments, in: run.folder, says: ["standard output", "No space left"],
        script: "exec \"$@\" > /dev/full")
    }
  }
  #endif
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `signet train --teacher`: runs that learn from a compact model beside the labels.
struct TaughtRunTests {
  private static let epochs = 30

  private static func arguments(output: String, teacher: [String], threads: Int = 1) -> [String] {
    [
      "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "\(epochs)", "--learning-rate",
      "0.003",
      "--batch-size", "16", "--output", output, "--threads", "\(threads)", "--json",
    ] + teacher
  }

  /// A folder with data, the compact model `teacher.signet` of a full-precision run, and the run `run` that learnt from it.
  private static let taught = Result {
    let folder = try Workspace.newFolderWithData()
    _ = try signet(
      "train", "--data", "idx:data", "--network", "net.yaml", "--method", "full-precision", "--epochs", "3",
      "--validation", "40", "--output", "full", "--json", in: folder
    ).json()
    try Workspace.copy(folder + "/full/model.signet", to: folder + "/teacher.signet")
    _ = try SignetProcess.run(
      arguments(output: "run", teacher: ["--teacher", "teacher.signet"]), in: folder
    ).json()
    return folder
  }

  /// A folder of one's own with all of that.
  private static func copy() throws -> String {
    let folder = try Workspace.newFolder()
    for name in try Workspace.names(in: taught.get()) {
      try Workspace.copy(taught.get() + "/" + name, to: folder + "/" + name)
    }
    return folder
  }

  /// Oracle: the same run with one thread.
  ///
  /// The teacher's own share of the images held out makes its mean and deviation others than the run's.
  @Test func threadsChangeNothingAndTheTeacherDoes() throws {
    let folder = try Self.copy()
    let teacher = ["--teacher", "teacher.signet"]
    let outcome = try SignetProcess.run(
      Self.arguments(output: "two", teacher: teacher, threads: 2), in: folder)
    _ = try outcome.json()
    #expect(outcome.output.contains("teacher teacher.signet"))
    try ResumeTests.expectEqualRuns(folder + "/two", folder + "/run")
    let configuration = String(decoding: try Workspace.read(folder + "/run/config.yaml"), as: UTF8.self)
    for line in ["teacher: teacher.signet", "weight: 0.9", "temperature: 2"] {
      #expect(configuration.contains(line), "\(configuration)")
    }
    for (name, options) in [
      ("none", []), ("half", teacher + ["--teacher-weight", "0.5"]),
      ("hot", teacher + ["--teacher-temperature", "7"]),
    ] {
      _ = try SignetProcess.run(Self.arguments(output: name, teacher: options), in: folder).json()
      #expect(
        try Workspace.read(folder + "/\(name)/model.signet") != Workspace.read(folder + "/run/model.signet"))
    }
  }

  /// Oracle: the run that was not interrupted.
  @Test func aKilledRunGoesOnWithItsTeacherWhereverThatIs() throws {
    let folder = try Self.copy()
    _ = try ResumeTests.killed(
      Self.arguments(output: "killed", teacher: ["--teacher", "teacher.signet"]), in: folder, run: "killed",
      after: 1, of: Self.epochs)
    let resume = ["train", "--resume", "--output", "killed", "--json"]
    try FileManager.default.moveItem(atPath: folder + "/teacher.signet", toPath: folder + "/moved.signet")
    try expectFailure(resume, in: folder, says: ["teacher.signet", "--teacher"])
    try Workspace.copy(folder + "/run/model.signet", to: folder + "/teacher.signet")
    try expectFailure(resume, in: folder, says: ["not the file that the run was started with", "--teacher"])
    for (option, value) in [("--teacher-weight", "0.5"), ("--teacher-temperature", "9")] {
      try expectFailure(
        resume + ["--teacher", "moved.signet", option, value], in: folder, says: [option, "was started with"])
    }
    let outcome = try SignetProcess.run(resume + ["--teacher", "moved.signet"], in: folder)
    _ = try outcome.json()
    #expect(outcome.output.contains("teacher moved.signet"))
    try ResumeTests.expectEqualRuns(folder + "/killed", folder + "/run")
  }

  @Test func aRunWithoutATeacherGetsNone() throws {
    let folder = try TrainedRun.copy()
    try expectFailure(
      ["train", "--resume", "--output", "run", "--teacher", "run/model.signet"], in: folder,
      says: ["--teacher", "was started without it"])
  }

  @Test func badTeachersAreRefused() throws {
    let folder = try TrainedRun.copy()
    let begin = ["train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--output", "new"]
    try expectFailure(begin + ["--teacher", "none.signet"], in: folder, says: ["none.signet"])
    try expectFailure(begin + ["--teacher", "run"], in: folder, says: ["run"])
    try expectFailure(
      begin + ["--teacher", "run/checkpoint.safetensors"], in: folder, says: ["checkpoint", "signet export"])
    try expectFailure(begin + ["--teacher", "net.yaml"], in: folder, says: ["net.yaml"])
    _ = try signet("inspect", "--network", "mlp", "--write", "foreign.signet", in: folder)
    try expectFailure(
      begin + ["--teacher", "foreign.signet"], in: folder, says: ["foreign.signet", "the run's"])
  }

  @Test func optionsOfATeacherWithoutOne() throws {
    let folder = try TrainedRun.copy()
    let begin = ["train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--output", "new"]
    for (option, value) in [("--teacher-weight", "0.5"), ("--teacher-temperature", "2")] {
      try expectFailure(
        begin + [option, value], in: folder, status: 64, says: ["\(option) goes with --teacher"])
    }
  }
}

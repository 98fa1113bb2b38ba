// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Studies that can't be, or can't go on: an error that says so, and no file made or changed.
struct BadStudyTests {
  private static let start = ["study", "last-layer", "--data", "idx:data", "--network", "net.yaml"]

  /// A study of one epoch; not to be changed.
  private static let finished = Result {
    let folder = try Workspace.newFolderWithData()
    let arguments = start + ["--output", "study", "--epochs", "1", "--seeds", "4", "--json"]
    _ = try SignetProcess.run(arguments, in: folder).json()
    return folder
  }

  /// A copy, with its data.
  private func copy() throws -> String {
    let folder = try Workspace.newFolder()
    for name in ["data", "net.yaml", "study"] {
      try Workspace.copy(try Self.finished.get() + "/" + name, to: folder + "/" + name)
    }
    return folder
  }

  @Test func valuesOfOptions() throws {
    let folder = try Workspace.newFolderWithData()
    let numbers = ["0", "-1", "nan", "1.5", "many", "", "99999999999999999999"]
    for (option, values) in [
      "--epochs": numbers, "--batch-size": numbers + ["65537"], "--binarizations": numbers + ["5"],
      "--validation": numbers, "--threads": numbers, "--seeds": ["", "1,", "1,x", "-1", "1,1", "1.5", "1 2"],
      "--time-budget": ["", "90", "0m", "-1m", "1.5h", "an hour"], "--precision": ["fp64"],
      "--schedule": ["linear"], "--width": ["0", "nan", "65"], "--augmentation": ["spin", ""],
      "--learning-rate": ["0", "nan", "-1", "fast"],
      "--l2": ["-1", "nan", "inf", ""],
    ] {
      for value in values {
        try expectFailure(
          Self.start + ["--output", "study", "\(option)=\(value)"], in: folder, status: 64,
          says: [option, "Usage: signet study"])
      }
    }
  }

  @Test func argumentsThatAreMissingOrUnknown() throws {
    let folder = try Workspace.newFolderWithData()
    for (arguments, words) in [
      (["study"], ["name"]), (["study", "everything", "--output", "s"], ["everything", "learning-rate"]),
      (["study", "all", "--data", "idx:data"], ["--output is missing"]),
      (["study", "all", "--output", "s"], ["--data is missing"]),
      (
        Self.start + ["--output", "s", "--sedes", "1"], ["Unknown option '--sedes'. Did you mean '--seeds'?"]
      ),
    ] {
      try expectFailure(arguments, in: folder, status: 64, says: words + ["Usage: signet study"])
    }
    for (arguments, words) in [
      (Self.start + ["--output", "data"], ["data is not empty", "--output"]),
      (Self.start + ["--output", "net.yaml"], ["net.yaml is a file", "--output"]),
      (Self.start + ["--output", "s", "--validation", "240"], ["240 images cannot be held out of the 240"]),
      (["study", "all", "--data", "idx:data", "--network", "lenet", "--output", "s"], ["“lenet”"]),
      (
        ["study", "all", "--data", "idx:data", "--network", "nin", "--output", "s"], ["“nin” needs images of"]
      ),
      (["study", "all", "--data", "idx:none", "--network", "net.yaml", "--output", "s"], ["none"]),
    ] {
      try expectFailure(arguments, in: folder, says: words)
    }
  }

  @Test func otherOptionsThanTheStudysOwnAreRefusedByName() throws {
    let folder = try copy()
    for (option, value, own) in [
      ("--data", "idx:other", "idx:data"), ("--epochs", "2", "1"), ("--seeds", "4,5", "4"),
      ("--batch-size", "16", "64"), ("--binarizations", "2", "1"), ("--validation", "25", "24"),
      ("--precision", "fp32", "none"), ("--learning-rate", "0.01", "none"), ("--schedule", "cosine", "none"),
      ("--l2", "0.1", "5e-7"),
      ("--width", "2", "1.0"), ("--augmentation", "flip", "none"),
    ] {
      try expectFailure(
        ["study", "last-layer", "--output", "study", option, value], in: folder,
        says: ["study: \(option) is", "started with \(own)", "leave the option out"])
    }
    try expectFailure(
      ["study", "last-layer", "--output", "study", "--network", "mlp"], in: folder,
      says: ["--network mlp", "“tiny”"])
    try expectFailure(
      ["study", "all", "--output", "study"], in: folder, says: ["the study is “all”", "“last-layer”"])
  }

  @Test func damageIsToldWithItsPath() throws {
    let folder = try copy()
    let state = folder + "/study/study.json"
    let bytes = try Workspace.read(state)
    let command = ["study", "last-layer", "--output", "study"]
    for damage in [[], Array(bytes.dropLast(20)), Array("{\"format\": \"x\"}".utf8)] {
      try Workspace.write(damage, to: state)
      try expectFailure(command, in: folder, says: ["study/study.json: ", "restore it"])
    }
    try Workspace.write(bytes, to: state)
    // Other data would give other numbers.
    let images = folder + "/data/train-images-idx3-ubyte"
    var pixels = try Workspace.read(images)
    for index in 16..<2000 { pixels[index] ^= 255 }
    try Workspace.write(pixels, to: images)
    try expectFailure(command, in: folder, says: ["study/study.json: ", "idx:data", "restore it"])
  }

  /// A run's folder that holds another run must not be taken for the study's.
  @Test func foreignRunsAreNotTakenOver() throws {
    let folder = try copy()
    let state = folder + "/study/study.json"
    let text = String(decoding: try Workspace.read(state), as: UTF8.self)
    // As if the runs were not done.
    var object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    object["runs"] = (object["runs"] as? [[String: Any]])?.map { $0.filter { $0.key != "outcome" } }
    try JSONSerialization.data(withJSONObject: object).write(to: URL(filePath: state))
    let runs = folder + "/study/runs/"
    try FileManager.default.removeItem(atPath: runs + "tang-last-full-seed4")
    try Workspace.copy(runs + "tang-seed4", to: runs + "tang-last-full-seed4")
    try expectFailure(
      ["study", "last-layer", "--output", "study"], in: folder,
      says: ["tang-last-full-seed4 is another run", "restore it"], changes: true)
    // Without it, it is done again; those that are whole are not.
    let models = try ["tang-seed4", "tang-no-scale-seed4"].map {
      try Workspace.read(runs + $0 + "/model.signet")
    }
    try FileManager.default.removeItem(atPath: runs + "tang-last-full-seed4")
    let again = try signet("study", "last-layer", "--output", "study", "--json", in: folder)
    #expect(try again.json()["finished"] as? Bool == true)
    #expect(
      try ["tang-seed4", "tang-no-scale-seed4"].map { try Workspace.read(runs + $0 + "/model.signet") }
        == models)
  }

  @Test func twoProcessesDoNotWorkOnOneStudy() throws {
    let folder = try Workspace.newFolderWithData()
    let arguments = Self.start + ["--output", "study", "--epochs", "100000"]
    let first = try SignetProcess.start(arguments, in: folder, output: .nullDevice, errors: .nullDevice)
    defer {
      kill(first.processIdentifier, SIGKILL)
      first.waitUntilExit()
    }
    let deadline = Date(timeIntervalSinceNow: 60)
    while !FileManager.default.fileExists(atPath: folder + "/study/study.json"), Date() < deadline {
      usleep(1000)
    }
    try expectFailure(
      arguments, in: folder, says: ["study: another process works on this study"], changes: true)
  }
}

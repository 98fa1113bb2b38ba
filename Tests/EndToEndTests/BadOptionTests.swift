// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Options that mean nothing: a usage error that names the option, before anything is done.
struct BadOptionTests {
  private static let notPositive = [
    "0", "-1", "-9223372036854775808", "nan", "inf", "many", "1.5", "1e3", "",
  ]
  private static let tooLarge = "99999999999999999999"

  private func expectUsageErrors(_ command: [String], _ options: [String: [String]], in folder: String) throws
  {
    for (option, values) in options {
      for value in values {
        try expectFailure(
          command + ["\(option)=\(value)"], in: folder, status: 64,
          says: [option, "Usage: signet \(command[0])"])
      }
    }
  }

  @Test func train() throws {
    let folder = try Workspace.newFolderWithData()
    let numbers = Self.notPositive + [Self.tooLarge]
    try expectUsageErrors(
      ["train", "--data", "idx:data", "--network", "net.yaml", "--output", "run", "--epochs", "1"],
      [
        "--epochs": numbers, "--batch-size": numbers + ["65537"], "--threads": numbers + ["1025"],
        "--binarizations": numbers + ["5"], "--activation-bits": numbers + ["5"],
        "--gradient-bits": numbers + ["9"], "--validation": ["-1", "nan", "inf", "half", Self.tooLarge],
        "--seed": ["-1", "nan", "1.5", "x", Self.tooLarge],
        "--learning-rate": ["0", "-1", "nan", "-nan", "inf", "-inf", "1e99", "fast", ""],
        "--schedule": ["linear", ""],
        "--regularizer": ["bipolar", "bipolar:nan", "bipolar:-1", "l2:inf", "l2:", "x:1", ""],
        "--activation": ["tanh"], "--last-layer": ["half"], "--scale-layer": ["yes"],
        "--first-layer": ["binary"],
        "--width": ["0", "-1", "nan", "inf", "1e99", "65", "0.01", "wide", "0,5", ""],
        "--augmentation": ["", "all", "crop:0", "crop:-1", "crop:x", "flip:1", "crop-flip:\(Self.tooLarge)"],
        "--teacher-weight": ["0", "-1", "1.1", "nan", "inf", "half", ""],
        "--teacher-temperature": ["0", "-1", "101", "nan", "inf", "hot", ""],
        "--data-root": ["."],
        "--nonsense": ["1"],
      ], in: folder)
  }

  @Test func otherCommands() throws {
    let run = try TrainedRun.shared.get()
    let numbers = Self.notPositive + [Self.tooLarge]
    let data = ["--data", "idx:data"]
    try expectUsageErrors(
      ["evaluate", run.model] + data,
      ["--batch-size": numbers + ["65537"], "--threads": numbers, "--split": ["all", ""]], in: run.folder)
    try expectUsageErrors(
      ["verify", run.checkpoint] + data, ["--images": numbers, "--threads": numbers, "--split": ["all"]],
      in: run.folder)
    try expectUsageErrors(
      ["predict", run.model] + data, ["--top": numbers, "--count": numbers, "--threads": numbers],
      in: run.folder)
    try expectUsageErrors(
      ["benchmark", run.model],
      ["--batch": numbers + ["65537"], "--runs": numbers + ["1000001"], "--threads": numbers], in: run.folder)
    for command in [["inspect"], ["benchmark"]] {
      try expectUsageErrors(
        command + ["--network", "mlp"],
        [
          "--classes": numbers + ["1", "1000001"], "--binarizations": numbers + ["5"],
          "--activation-bits": numbers + ["5"], "--gradient-bits": numbers + ["9"],
          "--input": [
            "", "28", "28x28", "28x28x1x1", "0x28x1", "-1x28x1", "axbxc", "28x28x5",
            "99999999999999999999x1x1", "65537x28x1", "28x99999999x3",
          ],
          "--activation": ["tanh"], "--last-layer": ["half"], "--scale-layer": ["1"],
          "--first-layer": ["int4", ""], "--width": ["0", "-1", "nan", "inf", "65", "wide", ""],
        ], in: run.folder)
    }
  }

  @Test func argumentsThatAreMissingOrTooMany() throws {
    let run = try TrainedRun.shared.get()
    for (arguments, words) in [
      (["train"], ["--data, --network, --epochs and --output are missing", "Usage: signet train"]),
      (["train", "--output", "new"], ["--data, --network and --epochs are missing"]),
      (["train", "--output", "new", "--data", "idx:data"], ["--network and --epochs are missing"]),
      (["train", "--output", "new", "--data", "idx:data", "--network", "mlp"], ["--epochs is missing"]),
      (["train", "--resume"], ["--output is missing"]),
      (["evaluate"], ["model"]), (["evaluate", run.model], ["--data is missing", "Usage: signet evaluate"]),
      (["verify"], ["checkpoint"]),
      (["verify", run.checkpoint], ["--data is missing", "Usage: signet verify"]), (["predict"], ["model"]),
      (["predict", run.model, "a.png", "--count", "3"], ["--count goes with --data"]),
      (["predict", run.model], ["--data SPEC"]),
      (["predict", run.model, "a.png", "--data", "idx:data"], ["either image files or --data"]),
      (["export"], ["checkpoint"]),
      (["export", run.checkpoint], ["--output"]), (["inspect"], ["--network NAME"]),
      (["benchmark"], ["--network NAME"]),
      (["inspect", run.model, "--network", "mlp"], ["either a model file or --network"]),
      (["benchmark", run.model, "--network", "mlp"], ["either a model file or --network"]),
      (["inspect", run.model, "--write", "x"], ["--write goes with --network"]),
      (["inspect", run.model, "another"], ["another"]), (["conquer"], ["conquer"]),
    ] {
      try expectFailure(arguments, in: run.folder, status: 64, says: words)
    }
  }

  /// What describes an untrained network means nothing beside a file.
  @Test(arguments: [
    ("--method", "tang"), ("--binarizations", "2"), ("--activation-bits", "2"), ("--gradient-bits", "6"),
    ("--activation", "prelu"), ("--last-layer", "binary"),
    ("--scale-layer", "on"), ("--first-layer", "int8"), ("--input", "28x28x1"), ("--classes", "10"),
    ("--width", "2"),
  ])
  func networkOptionsBesideAModel(option: String, value: String) throws {
    let run = try TrainedRun.shared.get()
    for command in ["inspect", "benchmark"] {
      try expectFailure(
        [command, run.model, option, value], in: run.folder, status: 64,
        says: ["\(option) goes with --network", "Usage: signet \(command)"])
    }
  }

  /// A folder of its own kind of data is named with it; a root beside it would have no effect.
  @Test func rootsOfOtherData() throws {
    let run = try TrainedRun.shared.get()
    for arguments in [["evaluate", run.model], ["predict", run.model], ["verify", run.checkpoint]] {
      try expectFailure(
        arguments + ["--data", "idx:data", "--data-root", "."], in: run.folder, status: 64,
        says: ["--data-root goes with fashion-mnist", "idx:DIR", "Usage: signet \(arguments[0])"])
    }
    try expectFailure(
      ["train", "--resume", "--output", "run", "--data-root", "."], in: run.folder,
      says: ["--data-root goes with fashion-mnist"])
  }

  /// A negative number is a value, with a space before it as with an equals sign: the message is about the number.
  @Test(arguments: [
    ("--epochs", "-1"), ("--batch-size", "-64"), ("--learning-rate", "-3"), ("--validation", "-5"),
    ("--threads", "-2"),
    ("--binarizations", "-1"), ("--width", "-1"),
  ])
  func negativeNumbersBehindASpace(option: String, value: String) throws {
    let folder = try Workspace.newFolderWithData()
    var arguments = ["train", "--data", "idx:data", "--network", "mlp", "--output", "run", option, value]
    if option != "--epochs" { arguments += ["--epochs", "1"] }
    try expectFailure(arguments, in: folder, status: 64, says: [option, value, "give"])
  }

  /// What is misspelt is named, although something else is wrong as well because of it.
  @Test func misspeltOptions() throws {
    let run = try TrainedRun.shared.get()
    for (arguments, option, meant) in [
      (["predict", run.model, "--data", "idx:data", "--cuont", "3"], "--cuont", "--count"),
      (
        ["train", "--network", "nin-small", "--lerning-rate", "3", "--output", "q"], "--lerning-rate",
        "--learning-rate"
      ),
      (["train", "--epochs", "--date=idx:data", "--output", "q"], "--date", "--data"),
      (["export", run.checkpoint, "--ouptut", "x.signet"], "--ouptut", "--output"),
      (["evaluate", run.model, "--daat", "idx:data"], "--daat", "--data"),
      (["inspect", "--netwrok", "mlp"], "--netwrok", "--network"),
      (["benchmark", run.model, "--input", "1x1x1", "--thread", "2"], "--thread", "--threads"),
    ] {
      try expectFailure(
        arguments, in: run.folder, status: 64,
        says: ["Unknown option '\(option)'. Did you mean '\(meant)'?", "Usage: signet \(arguments[0])"])
    }
    try expectFailure(
      ["verify", run.checkpoint, "--completely-different"], in: run.folder, status: 64,
      says: ["Unknown option '--completely-different'\n", "Usage: signet verify"])
    // Help is help, and what stands behind “--” is no option.
    #expect(try signet("train", "--helpp", "--help", in: run.folder).status == 0)
    try expectFailure(
      ["predict", run.model, "--data", "idx:data", "--", "--cuont"], in: run.folder, status: 64,
      says: ["either image files or --data"])
  }

  @Test func helpSaysWhatIsRequiredAndWhatIsTaken() throws {
    let folder = try Workspace.newFolder()
    func help(_ command: String) throws -> String {
      try signet(command, "--help", in: folder).output.split { " \n".contains($0) }.joined(separator: " ")
    }
    let train = try help("train")
    for words in [
      "--data, --network, --epochs and --output", "tang if not given", "1 to 4; 1 if not given",
      "64 if not given",
    ] {
      #expect(train.contains(words), "\(words)")
    }
    #expect(try help("predict").contains("transparent, white shows through"))
  }

  @Test func namesThatAreUnknown() throws {
    let folder = try Workspace.newFolderWithData()
    let train = ["train", "--epochs", "1", "--output", "run"]
    try expectFailure(
      train + ["--data", "idx:data", "--network", "mlp", "--method", "magic"], in: folder,
      says: ["“magic”", "tang, full-precision"])
    try expectFailure(
      train + [
        "--data", "idx:data", "--network", "mlp", "--method", "full-precision", "--binarizations", "2",
      ],
      in: folder, says: ["--binarizations", "full-precision", "leave it out"])
    for (options, given, other) in [
      (["--last-layer", "binary"], "--last-layer binary", "--scale-layer"),
      (["--scale-layer", "on"], "--scale-layer on", "--last-layer"),
    ] {
      let outcome = try expectFailure(
        ["inspect", "--network", "mlp", "--method", "full-precision"] + options, in: folder,
        says: [given, "full-precision", "leave it out"])
      #expect(!outcome.errors.contains(other))
    }
    try expectFailure(
      train + ["--data", "words:data", "--network", "mlp"], in: folder, says: ["`words:data`", "idx:DIR"])
    // Options that a method has no use for.
    for (method, options, words) in [
      ("dorefa", ["--binarizations", "2"], ["--binarizations", "dorefa", "--activation-bits"]),
      ("bwn", ["--binarizations", "2"], ["--binarizations", "bwn", "leave it out"]),
      ("tang", ["--activation-bits", "2"], ["--activation-bits", "dorefa", "--binarizations"]),
      ("bwn", ["--gradient-bits", "6"], ["--gradient-bits", "bwn", "leave it out"]),
      ("bnn", ["--activation", "prelu"], ["--activation prelu", "bnn", "leave it out"]),
      ("dorefa", ["--activation", "relu"], ["--activation relu", "dorefa", "leave it out"]),
      ("bnn", ["--scale-layer", "on"], ["--scale-layer on", "bnn", "leave it out"]),
      ("binaryconnect", ["--activation", "none"], ["--activation none", "binaryconnect", "relu"]),
    ] {
      try expectFailure(
        ["inspect", "--network", "mlp", "--method", method] + options, in: folder, says: words)
    }
    for command in ["inspect", "benchmark"] {
      try expectFailure(
        [command, "--network", "mlp", "--method", "magic"], in: folder,
        says: ["“magic”", "tang, full-precision"])
    }
  }
}

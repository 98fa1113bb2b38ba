// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Compact models and checkpoints that are damaged, foreign, or of another version, through every command that reads one.
struct BadModelTests {
  @Test func modelsThroughEveryCommand() throws {
    let folder = try TrainedRun.copy()
    for damage in try FileDamage.modelDamages(of: folder + "/run/model.signet") {
      try Workspace.write(damage.bytes, to: folder + "/bad.signet")
      for arguments in [
        ["evaluate", "bad.signet", "--data", "idx:data"], ["predict", "bad.signet", "--data", "idx:data"],
        ["benchmark", "bad.signet", "--runs", "1"],
      ] {
        try expectFailure(arguments + ["--json"], in: folder, says: ["bad.signet"] + damage.words)
      }
    }
  }

  @Test func modelsInspected() throws {
    let folder = try TrainedRun.copy()
    for damage in try FileDamage.modelDamages(of: folder + "/run/model.signet") {
      try Workspace.write(damage.bytes, to: folder + "/bad.signet")
      try expectFailure(["inspect", "bad.signet", "--json"], in: folder, says: ["bad.signet"] + damage.words)
    }
  }

  @Test func checkpointsThroughEveryCommand() throws {
    let folder = try TrainedRun.copy()
    for damage in try FileDamage.checkpointDamages(of: folder + "/run/checkpoint.safetensors") {
      try Workspace.write(damage.bytes, to: folder + "/bad.safetensors")
      for arguments in [
        ["export", "bad.safetensors", "--output", "out.signet"],
        ["verify", "bad.safetensors", "--data", "idx:data"],
      ] {
        try expectFailure(
          arguments + ["--json"], in: folder, says: ["bad.safetensors"] + damage.words)
      }
    }
  }

  @Test func checkpointsResumed() throws {
    let folder = try TrainedRun.copy()
    let checkpoint = folder + "/run/checkpoint.safetensors"
    for damage in try FileDamage.checkpointDamages(of: folder + "/run/checkpoint.safetensors") {
      let good = try Workspace.read(checkpoint)
      try Workspace.write(damage.bytes, to: checkpoint)
      try expectFailure(
        ["train", "--resume", "--output", "run", "--json"], in: folder,
        says: ["run/checkpoint.safetensors"] + damage.words)
      try Workspace.write(good, to: checkpoint)
    }
  }

  /// Steps that do not belong to the epochs, and a configuration that is not the weights'.
  @Test func checkpointsThatDoNotFitThemselves() throws {
    let folder = try TrainedRun.copy()
    let checkpoint = folder + "/run/checkpoint.safetensors"
    var editor = try SafetensorsEditor(path: checkpoint)
    try editor.edit("progress", as: [String: Any].self) { $0["step"] = 5 }
    try Workspace.write(editor.encoded(), to: checkpoint)
    try expectFailure(
      ["train", "--resume", "--output", "run"], in: folder,
      says: ["6 epochs of 6 steps are not 5 steps", "another"])
  }

  @Test func oneForTheOther() throws {
    let folder = try TrainedRun.copy()
    for arguments in [
      ["evaluate", "run/checkpoint.safetensors", "--data", "idx:data"],
      ["benchmark", "run/checkpoint.safetensors"],
      ["predict", "run/checkpoint.safetensors", "--data", "idx:data"],
    ] {
      try expectFailure(
        arguments, in: folder, says: ["run/checkpoint.safetensors", "is a checkpoint", "signet export"])
    }
    for arguments in [
      ["export", "run/model.signet", "--output", "out.signet"],
      ["verify", "run/model.signet", "--data", "idx:data"],
    ] {
      try expectFailure(
        arguments, in: folder, says: ["run/model.signet", "compact model", "checkpoint.safetensors"])
    }
    for arguments in [
      ["evaluate", "none.signet", "--data", "idx:data"], ["benchmark", "none.signet"],
      ["inspect", "none.signet"],
      ["predict", "none.signet", "--data", "idx:data"], ["verify", "none.signet", "--data", "idx:data"],
      ["export", "none.signet", "--output", "out.signet"],
    ] {
      try expectFailure(arguments, in: folder, says: ["none.signet", "No such file", "check the path"])
      try expectFailure(
        arguments.map { $0 == "none.signet" ? "data" : $0 }, in: folder, says: ["data", "folder"])
    }
  }
}

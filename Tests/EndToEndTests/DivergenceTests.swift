// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A loss that is no number any more: the run stops, says where, and keeps its last good checkpoint.
struct DivergenceTests {
  @Test(arguments: ["tang", "full-precision"]) func aRateThatIsFarTooHigh(method: String) throws {
    let folder = try Workspace.newFolderWithData()
    // One step an epoch, so that a checkpoint follows the step that ruins the weights and comes before the one that shows it.
    let failed = try expectFailure(
      [
        "train", "--data", "idx:data", "--network", "net.yaml", "--method", method, "--epochs", "5",
        "--batch-size",
        "240", "--learning-rate", "1e30", "--output", "run", "--json",
      ], in: folder,
      says: ["layer “conv1", "not finite at step 2", "lower the learning rate (now 1e+30)", "checkpoint"],
      changes: true)
    #expect(failed.output.contains("epoch 1/5") && !failed.output.contains("epoch 2/5"))
    // The step before is in the log.
    let steps = try Metrics.lines(of: folder + "/run").filter { $0["kind"] as? String == "step" }
    #expect(steps.map { $0["step"] as? Int } == [1])
    let checkpoint = try Workspace.read(folder + "/run/checkpoint.safetensors")
    let exported = try signet(
      "export", "run/checkpoint.safetensors", "--output", "out.signet", "--json", in: folder)
    _ = try exported.json()
    #expect(try Workspace.read(folder + "/out.signet") == Workspace.read(folder + "/run/model.signet"))
    // Going on meets the same step again, and leaves the checkpoint as it is.
    try expectFailure(
      ["train", "--resume", "--output", "run"], in: folder, says: ["not finite at step 2"], changes: true)
    #expect(try Workspace.read(folder + "/run/checkpoint.safetensors") == checkpoint)
  }
}

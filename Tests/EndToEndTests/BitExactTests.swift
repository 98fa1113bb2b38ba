// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Testing

/// The same logits on every instruction set, with any number of threads, in any batch.
///
/// Oracle: the scalar kernels with one thread and one image at a time.
struct BitExactTests {
  private static func check(_ model: String, data: String, in folder: String) throws {
    func hash(isa: ISA, threads: Int, batch: Int) throws -> String {
      let result = try signet(
        "evaluate", model, "--data", data, "--threads", "\(threads)", "--batch-size", "\(batch)", "--json",
        in: folder, environment: ["SIGNET_ISA": isa.rawValue]
      ).json()
      #expect(result["isa"] as? String == isa.rawValue)
      #expect(result["threads"] as? Int == threads)
      return try #require(result["logits_sha256"] as? String)
    }
    #expect(ISA.available.contains(.scalar))
    let expected = try hash(isa: .scalar, threads: 1, batch: 1)
    for isa in ISA.available {
      for threads in 1...3 {
        for batch in [1, 64] {
          #expect(
            try hash(isa: isa, threads: threads, batch: batch) == expected,
            "\(isa), \(threads) threads, batches of \(batch)")
        }
      }
    }
  }

  @Test func aTrainedModel() throws {
    let run = try TrainedRun.shared.get()
    try Self.check(run.model, data: "idx:data", in: run.folder)
  }

  /// Odd numbers of channels, groups, strides and paddings, for one plane and for three.
  @Test(arguments: [1, 3]) func awkwardShapes(planes: Int) throws {
    let folder = try Workspace.newFolderWithData()
    let network = """
      name: awkward
      layers:
        - {type: convolution, filters: 33, kernel: [3, 5], stride: [1, 2], padding: [2, 1]}
        - {type: convolution, filters: 66, kernel: [5, 3], stride: [2, 1], padding: [3, 2], groups: 3}
        - {type: max_pool, kernel: [2, 3], stride: 2, padding: 1}
        - {type: convolution, filters: 17, kernel: 1, padding: 0}
        - {type: dense, filters: 129}
        - {type: dense}
      """
    try Workspace.write(Array(network.utf8), to: folder + "/net.yaml")
    _ = try signet(
      "train", "--data", "idx:data", "--network", "net.yaml", "--binarizations", "\(planes)", "--epochs", "1",
      "--output", "run", "--json", in: folder
    ).json()
    try Self.check("run/model.signet", data: "idx:data", in: folder)
    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "idx:data", "--json", in: folder)
    #expect(try verified.json()["exact"] as? Bool == true)
  }

  @Test func anUnknownInstructionSetIsRefused() throws {
    let run = try TrainedRun.shared.get()
    for name in ["nonsense", "", "AVX2"] {
      for arguments in [
        ["evaluate", run.model, "--data", "idx:data"], ["benchmark", run.model],
        ["predict", run.model, "--data", "idx:data"], ["verify", run.checkpoint, "--data", "idx:data"],
        ["train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--output", "other"],
      ] {
        try expectFailure(
          arguments, in: run.folder, says: ["SIGNET_ISA", "“\(name)”", "scalar", "unset"],
          environment: ["SIGNET_ISA": name])
      }
    }
  }
}

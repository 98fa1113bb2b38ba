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
  @Test(arguments: [1, 3], ["float32", "int8"]) func awkwardShapes(planes: Int, firstLayer: String) throws {
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
      "train", "--data", "idx:data", "--network", "net.yaml", "--binarizations", "\(planes)", "--first-layer",
      firstLayer, "--epochs", "1", "--output", "run", "--json", in: folder
    ).json()
    try Self.check("run/model.signet", data: "idx:data", in: folder)
    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "idx:data", "--json", in: folder)
    #expect(try verified.json()["exact"] as? Bool == true)
  }

  /// A first layer on bytes with a pool behind it, trained, resumed from a copy, compiled and verified.
  @Test func aFirstLayerOfBytes() throws {
    let folder = try Workspace.newFolderWithData()
    let network = """
      name: bytes
      layers:
        - {type: convolution, filters: 20, kernel: 5, stride: 1, padding: 2}
        - {type: max_pool, kernel: 3, stride: 2}
        - {type: convolution, filters: 33, kernel: 3, padding: 1}
        - {type: dense}
      """
    try Workspace.write(Array(network.utf8), to: folder + "/net.yaml")
    _ = try signet(
      "train", "--data", "idx:data", "--network", "net.yaml", "--first-layer", "int8", "--epochs", "2",
      "--output", "run", "--json", in: folder
    ).json()
    try Self.check("run/model.signet", data: "idx:data", in: folder)
    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "idx:data", "--json", in: folder)
    #expect(try verified.json()["exact"] as? Bool == true)
    let repeated = try signet(
      "train", "--resume", "--output", "run", "--first-layer", "int8", "--json", in: folder)
    #expect(try repeated.json()["epochs"] as? Int == 2)
    try expectFailure(
      ["train", "--resume", "--output", "run", "--first-layer", "float32"], in: folder,
      says: ["run: --first-layer", "int8", "leave the option out"])
    #expect(
      try signet("export", "run/checkpoint.safetensors", "--output", "again.signet", in: folder).status == 0)
    #expect(try Workspace.read(folder + "/again.signet") == Workspace.read(folder + "/run/model.signet"))
  }

  /// Every method: trained, evaluated in all ways, verified, exported again, inspected.
  @Test(arguments: [
    ["binaryconnect"], ["bnn"], ["bwn"], ["xnor"], ["xnor", "--binarizations", "2"],
    ["dorefa", "--activation-bits", "1"], ["dorefa", "--gradient-bits", "6"],
    ["dorefa", "--activation-bits", "3", "--last-layer", "binary", "--first-layer", "int8"],
  ])
  func everyMethod(options: [String]) throws {
    let folder = try Workspace.newFolderWithData()
    let network = """
      name: awkward
      layers:
        - {type: convolution, filters: 33, kernel: [3, 5], stride: [1, 2], padding: [2, 1]}
        - {type: convolution, filters: 66, kernel: [5, 3], stride: [2, 1], padding: [3, 2], groups: 3}
        - {type: max_pool, kernel: [2, 3], stride: 2, padding: 1}
        - {type: convolution, filters: 17, kernel: 3, padding: 1}
        - {type: dense, filters: 129}
        - {type: dense}
      """
    try Workspace.write(Array(network.utf8), to: folder + "/net.yaml")
    let train = ["train", "--output", "run", "--json", "--method"] + options
    _ = try SignetProcess.run(
      train + ["--data", "idx:data", "--network", "net.yaml", "--epochs", "1"], in: folder, environment: [:]
    ).json()
    try Self.check("run/model.signet", data: "idx:data", in: folder)
    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "idx:data", "--json", in: folder)
    #expect(try verified.json()["exact"] as? Bool == true)
    #expect(
      try signet("export", "run/checkpoint.safetensors", "--output", "again.signet", in: folder).status == 0)
    let bytes = try Workspace.read(folder + "/run/model.signet")
    #expect(try Workspace.read(folder + "/again.signet") == bytes)
    let inspected = try signet("inspect", "run/model.signet", "--json", in: folder).json()
    #expect(inspected["method"] as? String == options[0])
    #expect(inspected["file_bytes"] as? Int == bytes.count)
    let resumed = try SignetProcess.run(train + ["--resume"], in: folder, environment: [:])
    #expect(resumed.status == 0, "\(resumed.errors)")
    try expectFailure(
      ["train", "--resume", "--output", "run", "--gradient-bits", "3"], in: folder,
      says: ["run: --gradient-bits", "leave the option out"])
  }

  /// What 8-bit weights can't be exact for, and what has no weights to begin with.
  @Test func firstLayersThatCanNotBeBytes() throws {
    let folder = try Workspace.newFolderWithData()
    let pooled = """
      name: pooled
      layers:
        - {type: max_pool, kernel: 2, stride: 2}
        - {type: convolution, filters: 4, kernel: 3}
        - {type: dense}
      """
    try Workspace.write(Array(pooled.utf8), to: folder + "/net.yaml")
    try expectFailure(
      [
        "train", "--data", "idx:data", "--network", "net.yaml", "--first-layer", "int8", "--epochs", "1",
        "--output", "run",
      ], in: folder, says: ["--first-layer int8", "max_pool1", "float32"])
    try expectFailure(
      ["inspect", "--network", "mlp", "--input", "100x100x1", "--first-layer", "int8"], in: folder,
      says: ["10000 products", "--first-layer float32"])
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

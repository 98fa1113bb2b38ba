// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Testing

/// `signet benchmark --training`, and the precision of a run.
///
/// Oracle: the network's products counted by hand, the options that were given, and the file format.
struct TrainingBenchmarkTests {
  private static let command = [
    "benchmark", "--training", "--network", "net.yaml", "--input", "12x12x1", "--classes", "5", "--runs", "1",
  ]

  private static func newFolder() throws -> String {
    let folder = try Workspace.newFolder()
    try Workspace.write(Array(SampleData.network.utf8), to: folder + "/net.yaml")
    return folder
  }

  @Test(arguments: ["fp32", "bf16", "int8"], [1, 2])
  func tellsOfEachLayer(precision: String, planes: Int) throws {
    let folder = try Self.newFolder()
    let result = try SignetProcess.run(
      Self.command + [
        "--json", "--precision", precision, "--binarizations", "\(planes)", "--batch", "3", "--threads", "2",
      ], in: folder
    ).json()
    func number(_ key: String) throws -> Double { try #require(result[key] as? Double, "\(key)") }
    #expect(result["network"] as? String == "tiny" && result["method"] as? String == "tang")
    #expect(result["precision"] as? String == precision && result["binarizations"] as? Int == planes)
    #expect(result["batch"] as? Int == 3 && result["threads"] as? Int == 2 && result["runs"] as? Int == 1)
    #expect(try number("warm_up_runs") >= 2)
    #expect(ISA.available.map(\.rawValue).contains(result["isa"] as? String ?? ""))
    let median = try number("milliseconds_per_image")
    #expect(try 0 < number("milliseconds_per_image_minimum"))
    #expect(try number("milliseconds_per_image_minimum") <= median)
    #expect(try median <= number("milliseconds_per_image_p90"))
    #expect(try number("optimizer_milliseconds") > 0)
    for peak in ["peak_macs", "peak_binary_macs"] {
      #expect(try number(peak + "_per_second") > 0 && number(peak + "_per_second_all_threads") > 0)
    }
    #expect(try number("peak_resident_bytes") > 1e6)
    let layers = try #require(result["layers"] as? [[String: Any]])
    #expect(layers.compactMap { $0["name"] as? String }.filter { !$0.hasPrefix("conv") }.count == 3)
    for layer in layers {
      let name = layer["name"] as? String ?? ""
      for key in ["forward_milliseconds", "backward_milliseconds"] {
        #expect(layer[key] as? Double ?? -1 >= 0, "\(name): \(key)")
      }
    }
    // One plane's products of one image: 6·6·16 sums of 9, 6·6·40 of 144, 3·3·5 of 40.
    for (name, depth, macs, isBinary) in [
      ("conv1", 9, 576 * 9, false), ("convB", 144, 1440 * 144, true), ("conv_3", 40, 45 * 40, true),
    ] {
      let layer = try #require(layers.first { $0["name"] as? String == name })
      #expect(layer["depth"] as? Int == depth && layer["macs"] as? Int == macs, "\(name)")
      // A share is the multiply-adds of all planes over the product's time and the peak of all threads.
      let product = try #require(layer["forward_product_milliseconds"] as? Double, "\(name)")
      let share = try #require(layer["forward_share_of_peak"] as? Double, "\(name)")
      #expect(product > 0 && share > 0, "\(name)")
      #expect(product <= layer["forward_milliseconds"] as? Double ?? 0, "\(name)")
      if isBinary {
        let peak = try number("peak_binary_macs_per_second_all_threads")
        let expected = Double(macs * planes) / (product * 1e-3) / peak
        #expect(abs(share - expected) <= 1e-9 * expected, "\(name): \(share), not \(expected)")
      }
      for key in ["weight_gradient", "input_gradient"] {
        // The first layer's input has no gradient.
        let isThere = isBinary || key == "weight_gradient"
        #expect((layer[key + "_milliseconds"] is Double) == isThere, "\(name): \(key)")
        let share = layer[key + "_share_of_peak"] as? Double
        #expect((share != nil) == isThere && share ?? 0.5 > 0, "\(name): \(key)")
      }
    }
  }

  @Test func textIsATable() throws {
    let folder = try Self.newFolder()
    let outcome = try SignetProcess.run(Self.command + ["--precision", "int8"], in: folder)
    #expect(outcome.status == 0 && outcome.exited && outcome.errors.isEmpty, "\(outcome.errors)")
    for word in ["convB", "int8", "product", "ms per image", "G MAC/s", "of bits", "MB"] {
      #expect(outcome.output.contains(word), "\(word)")
    }
    #expect(!outcome.output.contains("{"))
  }

  /// The first step, in a file that other code can read: every parameter with its gradient.
  @Test func savesAStep() throws {
    let folder = try Self.newFolder()
    func step(_ name: String, _ options: String...) throws -> [UInt8] {
      let outcome = try SignetProcess.run(
        Self.command + ["--batch", "4", "--save-step", name] + options, in: folder)
      try #require(outcome.status == 0, "\(outcome.errors)")
      return try Workspace.read(folder + "/" + name)
    }
    let bytes = try step("step.safetensors", "--precision", "fp32", "--threads", "1")
    let file = try SafetensorsEditor(path: folder + "/step.safetensors")
    let loss = try #require(Double(file.metadata["loss"] as? String ?? ""))
    #expect(loss > 0 && loss.isFinite)
    var end = 0
    func floats(_ name: String, _ shape: [Int], type: String = "F32") throws -> [Float] {
      let entry = try #require(file.header[name] as? [String: Any], "\(name)")
      #expect(entry["shape"] as? [Int] == shape && entry["dtype"] as? String == type, "\(name)")
      let range = try #require(entry["data_offsets"] as? [Int])
      #expect(range[1] - range[0] == shape.reduce(4, *), "\(name)")
      end = max(end, range[1])
      return stride(from: range[0], to: range[1], by: 4).map { at in
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(file.data[at + $1]) << UInt32(8 * $1) }
        return type == "F32" ? Float(bitPattern: bits) : Float(bits)
      }
    }
    _ = try floats("input", [4, 12, 12, 1])
    let labels = try floats("labels", [4], type: "I32").map(Int.init)
    let logits = try floats("logits", [4, 5])
    // The loss is that of the logits: the mean of log Σ exp − the label's own.
    let losses = labels.enumerated().map { image, label in
      let row = logits[image * 5..<image * 5 + 5].map(Double.init)
      return log(row.reduce(0) { $0 + exp($1) }) - row[label]
    }
    #expect(abs(losses.reduce(0, +) / 4 - loss) < 1e-5)
    let shapes = [
      "conv1.weight": [16, 3, 3, 1], "conv1.bias": [16], "conv1_prelu.slope": [16],
      "convB.norm.scale": [16], "convB.norm.shift": [16], "convB.weight": [40, 3, 3, 16],
      "convB_prelu.slope": [40], "conv_3.norm.scale": [40], "conv_3.norm.shift": [40],
      "conv_3.weight": [5, 1, 1, 40], "scale.factor": [1],
    ]
    let names = file.tensors.filter { $0.hasPrefix("parameter.") }.map { String($0.dropFirst(10)) }
    // What a layer with one plane reads is ±1.
    for (name, shape) in [("convB", [4, 6, 6, 16]), ("conv_3", [4, 3, 3, 40])] {
      #expect(Set(try floats("binarized." + name, shape)) == [-1, 1], "\(name)")
    }
    #expect(file.tensors.count == 5 + 2 * names.count)
    for (name, shape) in shapes {
      let values = try floats("parameter." + name, shape) + floats("gradient." + name, shape)
      #expect(
        values.allSatisfy(\.isFinite) && values.suffix(values.count / 2).contains { $0 != 0 }, "\(name)")
    }
    #expect(names.count == shapes.count)
    #expect(end == file.data.count)
    #expect(try step("again", "--precision", "fp32", "--threads", "2") == bytes)
    #expect(try step("bytes", "--precision", "int8") != bytes)
  }

  @Test func refusals() throws {
    let folder = try Self.newFolder()
    let run = try TrainedRun.copy()
    for value in ["fp16", "int4", "", "FP32", "float32"] {
      for command in [
        Self.command,
        ["train", "--data", "idx:data", "--network", "net.yaml", "--output", "run", "--epochs", "1"],
      ] {
        try expectFailure(
          command + ["--precision=\(value)"], in: folder, status: 64,
          says: ["--precision", "fp32", "bf16", "int8", "Usage: signet \(command[0])"])
      }
    }
    for options in [["--precision", "int8"], ["--save-step", "step"]] {
      try expectFailure(
        ["benchmark", "--network", "mlp"] + options, in: folder, status: 64,
        says: ["--precision", "--save-step", "--training"])
    }
    try expectFailure(
      ["benchmark", "run/model.signet", "--training"], in: run, status: 64,
      says: ["--training", "--network"])
    try expectFailure(
      Self.command + ["--save-step", "none/step"], in: folder, says: ["none/step"])
  }

  @Test func aRunKeepsItsPrecision() throws {
    let folder = try Workspace.newFolderWithData()
    let train = ["train", "--output", "run", "--json"]
    let new = ["--data", "idx:data", "--network", "net.yaml", "--epochs", "2", "--precision", "int8"]
    _ = try SignetProcess.run(train + new, in: folder).json()
    let checkpoint = try SafetensorsEditor(path: folder + "/run/checkpoint.safetensors")
    #expect((checkpoint.metadata["configuration"] as? String)?.contains("\"precision\":\"int8\"") == true)
    let text = String(decoding: try Workspace.read(folder + "/run/config.yaml"), as: UTF8.self)
    #expect(text.contains("precision: int8"))
    for other in ["fp32", "bf16"] {
      try expectFailure(
        ["train", "--resume", "--output", "run", "--precision", other], in: folder,
        says: ["run: --precision", other, "int8", "leave the option out"])
    }
    let before = try Workspace.read(folder + "/run/checkpoint.safetensors")
    for options in [[], ["--precision", "int8"]] {
      _ = try SignetProcess.run(train + ["--resume"] + options, in: folder).json()
    }
    #expect(try Workspace.read(folder + "/run/checkpoint.safetensors") == before)
  }

  /// A run whose file says nothing of its precision is one in fp32.
  @Test func aRunWithoutPrecisionIsFloat32() throws {
    let folder = try TrainedRun.copy()
    let path = folder + "/run/checkpoint.safetensors"
    var file = try SafetensorsEditor(path: path)
    try file.edit("configuration", as: [String: Any].self) { configuration in
      _ = configuration.removeValue(forKey: "precision")
    }
    try Workspace.write(file.encoded(), to: path)
    try expectFailure(
      ["train", "--resume", "--output", "run", "--precision", "int8"], in: folder,
      says: ["run: --precision", "int8", "fp32"])
    let outcome = try signet("train", "--resume", "--output", "run", "--precision", "fp32", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Testing

/// From images to a compact model that runs, by the commands a user types.
///
/// Oracles: sizes on the disk, the data set itself, and the same figure by another command.
struct PipelineTests {
  private let run: TrainedRun

  init() throws { run = try TrainedRun.shared.get() }

  private static let steps = (240 - TrainedRun.validation) / TrainedRun.batchSize

  @Test func aRunLeavesItsFiles() throws {
    let names = try Workspace.names(in: run.folder + "/run")
    let events = names.filter { $0.hasPrefix("events.out.tfevents.") }
    #expect(events.count == 1)
    #expect(
      names.filter { !events.contains($0) } == [
        "checkpoint.safetensors", "config.yaml", "metrics.jsonl", "model.signet",
      ])
    let result = try run.outcome.json()
    #expect(result["epochs"] as? Int == TrainedRun.epochs)
    #expect(result["steps"] as? Int == TrainedRun.epochs * Self.steps)
    #expect(result["file_bytes"] as? Int == (try Workspace.size(of: run.model)))
    #expect(run.outcome.output.contains("epoch \(TrainedRun.epochs)/\(TrainedRun.epochs)"))
    let configuration = try String(contentsOfFile: run.folder + "/run/config.yaml", encoding: .utf8)
    for part in [
      "data: idx:data", "name: tiny", "name: tang", "binarizations: 2", "seed: 1", "batchSize: 32",
    ] {
      #expect(configuration.contains(part), "\(part)")
    }
  }

  /// Oracles: the option as it was given, and the digits of Swift's `description`, which are the fewest.
  @Test func realNumbersOfTheConfigurationAreShort() throws {
    let configuration = try String(contentsOfFile: run.folder + "/run/config.yaml", encoding: .utf8)
    #expect(configuration.contains("\n  learningRate: 0.01\n"))
    #expect(configuration.contains("\n  clip: 1.0\n"))
    #expect(configuration.contains("\n  regularizer: bipolar:5e-07\n"))
    let archive = try SafetensorsEditor(path: run.checkpoint)
    let stored = try #require(archive.metadata["configuration"] as? String)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(stored.utf8)) as? [String: Any])
    let preprocessing = try #require(object["preprocessing"] as? [String: Any])
    for key in ["mean", "deviation"] {
      let value = try #require((preprocessing[key] as? [NSNumber])?.first).floatValue
      #expect(configuration.contains("  \(key):\n  - \(value)\n"), "\(key) \(value)")
    }

    let folder = try Workspace.newFolderWithData()
    let outcome = try signet(
      "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--learning-rate", "3e-7",
      "--batch-size", "240", "--threads", "1", "--output", "run", in: folder)
    let small = try String(contentsOfFile: folder + "/run/config.yaml", encoding: .utf8)
    #expect(small.contains("\n  learningRate: 3.0e-07\n"))
    // One of each, in words.
    #expect(outcome.output.contains("240 images, 1 step an epoch, 1 thread, seed 1"))
    #expect(outcome.output.contains("run: 1 epoch, 1 step, "))
  }

  @Test func metricsHaveALineForEachStepAndEpoch() throws {
    let lines = try Metrics.lines(of: run.folder + "/run")
    #expect(lines.count == TrainedRun.epochs * (Self.steps + 1))
    var expected: [(kind: String, step: Int)] = []
    for epoch in 0..<TrainedRun.epochs {
      for step in 1...Self.steps { expected.append(("step", epoch * Self.steps + step)) }
      expected.append(("epoch", (epoch + 1) * Self.steps))
    }
    let signChange = try lines.map { try #require($0["sign_change"] as? Double) }
    for (line, expected) in zip(lines, expected) {
      #expect(line["kind"] as? String == expected.kind)
      #expect(line["step"] as? Int == expected.step)
      #expect(line["epoch"] as? Int == (expected.step - 1) / Self.steps + 1)
      #expect((line["loss"] as? Double).map { $0.isFinite && $0 > 0 } == true)
      #expect((line["learning_rate"] as? Double) != nil)
      guard expected.kind == "step" else {
        #expect((line["validation_top1"] as? Double).map { (0...1).contains($0) } == true)
        continue
      }
      let changes = try #require(line["sign_changes"] as? [String: Double])
      #expect(changes.keys.sorted() == ["conv1", "convB", "conv_3"])
      // The share of all weights is the mean of the layers' shares, each by its 144, 5760 or 200 weights.
      let sum =
        144 * (changes["conv1"] ?? -1) + 5760 * (changes["convB"] ?? -1) + 200 * (changes["conv_3"] ?? -1)
      #expect(abs(sum / 6104 - (line["sign_change"] as? Double ?? -1)) < 1e-9)
    }
    #expect(signChange.contains { $0 > 0 })
  }

  @Test func curvesAreWholeRecords() throws {
    let folder = run.folder + "/run"
    let name = try #require(try Workspace.names(in: folder).first { $0.hasPrefix("events.out.tfevents.") })
    let bytes = try Workspace.read(folder + "/" + name)
    var (records, place) = (0, 0)
    while place + 12 <= bytes.count {
      place += 16 + bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      records += 1
    }
    #expect(place == bytes.count)
    // The version; a step's loss, rate and three layers; an epoch's loss and two accuracies.
    #expect(records == 1 + TrainedRun.epochs * (Self.steps * 5 + 3))
  }

  @Test func evaluationIsThatOfThePredictions() throws {
    let result = try signet("evaluate", run.model, "--data", "idx:data", "--json", in: run.folder).json()
    for key in ["count", "top1", "top5", "milliseconds_per_image", "logits_sha256"] {
      #expect(result[key] != nil, "\(key)")
    }
    #expect(result["count"] as? Int == SampleData.small.test)
    // With five classes, the label is always among the first five.
    #expect(result["top5"] as? Double == 1)
    #expect((result["logits_sha256"] as? String)?.count == 64)
    let top1 = try #require(result["top1"] as? Double)
    #expect(top1 > 0.9)

    let folder = try Workspace.newFolder()
    let images = SampleData.small.testImages
    for (index, image) in images.enumerated() {
      let file = try SampleImage.png(
        image.pixels, width: SampleData.side, height: SampleData.side, channels: 1)
      try Workspace.write(file, to: folder + "/\(index).png")
    }
    let files = images.indices.map { "\($0).png" }
    let predicted = try Prediction.all(
      of: SignetProcess.run(["predict", run.model] + files + ["--json"], in: folder))
    let right = zip(predicted, images).count { $0.labels.first?.name == String($1.label) }
    #expect(top1 == Double(right) / Double(images.count))
  }

  @Test func theEngineIsTheTrainersGraph() throws {
    let result = try signet("verify", run.checkpoint, "--data", "idx:data", "--json", in: run.folder).json()
    #expect(result["count"] as? Int == SampleData.small.test)
    #expect(result["exact"] as? Bool == true, "\(result)")
    #expect(result["same_class"] as? Int == SampleData.small.test)
    #expect(result["identical_logits"] as? Int == SampleData.small.test)
    let layers = try #require(result["layers"] as? [[String: Any]])
    #expect(layers.map { $0["name"] as? String } == ["convB", "conv_3"])
    // Two planes of 6·6·16 and 3·3·40 bits; 6·6·40 and 3·3·5 sums.
    #expect(layers.map { $0["activations"] as? Int } == [60 * 2 * 576, 60 * 2 * 360])
    #expect(layers.map { $0["accumulators"] as? Int } == [60 * 1440, 60 * 45])
    let first = try signet(
      "verify", run.checkpoint, "--data", "idx:data", "--split", "training", "--images", "7", "--json",
      in: run.folder)
    #expect(try first.json()["count"] as? Int == 7)
  }

  /// More images than there are is no error, but is told.
  @Test func moreImagesThanThereAre() throws {
    let count = SampleData.small.test
    for (arguments, told) in [
      (["verify", run.checkpoint, "--images", "\(count)"], nil),
      (["predict", run.model, "--count", "\(count)"], nil),
      (
        ["verify", run.checkpoint, "--images", "100000"],
        "--images 100000: the test part has only \(count) images"
      ),
      (
        ["predict", run.model, "--count", "100000"], "--count 100000: the test part has only \(count) images"
      ),
    ] {
      let outcome = try SignetProcess.run(arguments + ["--data", "idx:data"], in: run.folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.lastLine == told ?? outcome.lastLine)
      #expect(outcome.output.contains("has only") == (told != nil))
    }
  }

  @Test func exportMakesTheRunsModel() throws {
    let folder = try Workspace.newFolder()
    // A file that is there already is replaced.
    try Workspace.write([1, 2, 3], to: folder + "/out.signet")
    let result = try signet("export", run.checkpoint, "--output", "out.signet", "--json", in: folder).json()
    #expect(try Workspace.read(folder + "/out.signet") == Workspace.read(run.model))
    #expect(result["file_bytes"] as? Int == (try Workspace.size(of: run.model)))
    #expect(try Workspace.names(in: folder) == ["out.signet"])
  }

  @Test func gzipDataIsTheSameData() throws {
    let folder = try Workspace.newFolder()
    try SampleData.small.write(to: folder + "/packed", gzip: true)
    let plain = try signet("evaluate", run.model, "--data", "idx:data", "--json", in: run.folder).json()
    let packed = try signet("evaluate", run.model, "--data", "idx:packed", "--json", in: folder).json()
    #expect(plain["logits_sha256"] as? String == packed["logits_sha256"] as? String)
  }

  /// Oracle: the network's shapes and products, by hand; order statistics are in order.
  @Test(arguments: [1, 2]) func benchmarkTellsOfEachStep(batch: Int) throws {
    let outcome = try signet(
      "benchmark", run.model, "--runs", "3", "--batch", "\(batch)", "--json", in: run.folder)
    let result = try outcome.json()
    func number(_ key: String) throws -> Double { try #require(result[key] as? Double, "\(key)") }
    let median = try number("milliseconds_per_image")
    #expect(try 0 < number("milliseconds_per_image_minimum"))
    #expect(try number("milliseconds_per_image_minimum") <= median)
    #expect(try median <= number("milliseconds_per_image_p90"))
    #expect(try abs(number("convolution_share") + number("other_share") - 1) < 1e-9)
    for key in ["peak_binary_macs_per_second", "peak_float_macs_per_second"] {
      #expect(try number(key) > 0 && number(key + "_all_threads") > 0)
    }
    #expect(result["runs"] as? Int == 3 && result["batch"] as? Int == batch)
    #expect(ISA.available.map(\.rawValue).contains(result["isa"] as? String ?? ""))
    let layers = try #require(result["layers"] as? [[String: Any]])
    let binary = layers.reduce(0) { $0 + ($1["binary_macs"] as? Int ?? 0) }
    // Of one image, whatever the batch: two planes through 6·6·40 sums of 144 and 3·3·5 sums of 40.
    #expect(binary == 2 * (1440 * 144 + 45 * 40))
    #expect(result["binary_macs"] as? Int == binary)
    let layer = try #require(layers.first { $0["name"] as? String == "convB" })
    #expect(layer["share_of_peak"] is Double && layer["mac_kind"] as? String == "binary")
    #expect(layer["input"] as? [Int] == [6, 6, 16] && layer["output"] as? [Int] == [6, 6, 40])
    #expect(layer["kernel"] as? [Int] == [3, 3] && layer["stride"] as? [Int] == [1, 1])
    #expect(layer["groups"] as? Int == 1 && layer["binarizations"] as? Int == 2)
  }

  @Test func textAndHelp() throws {
    for arguments in [
      ["evaluate", run.model, "--data", "idx:data"], ["verify", run.checkpoint, "--data", "idx:data"],
      ["inspect", run.model], ["benchmark", run.model, "--runs", "1"],
      ["predict", run.model, "--data", "idx:data", "--count", "2"], ["--help"], ["--version"],
    ] {
      let outcome = try SignetProcess.run(arguments, in: run.folder)
      #expect(outcome.status == 0 && outcome.exited, "\(arguments): \(outcome.errors)")
      #expect(outcome.errors.isEmpty && !outcome.output.isEmpty && !outcome.output.contains("{"))
    }
  }
}

/// The lines of `metrics.jsonl`.
enum Metrics {
  static func lines(of run: String) throws -> [[String: Any]] {
    try String(contentsOfFile: run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  /// Without the times, as comparable text.
  static func timeless(_ run: String) throws -> [String] {
    try lines(of: run).map { line in
      var line = line
      try #require(line.removeValue(forKey: "seconds") != nil)
      return String(
        decoding: try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys]), as: UTF8.self)
    }
  }
}

/// What `predict --json` says of an image.
struct Prediction: Equatable {
  let image: String
  let labels: [Label]

  struct Label: Equatable {
    let name: String
    let probability: Double
  }

  static func all(of outcome: Outcome) throws -> [Prediction] {
    let entries = try #require(try outcome.json()["predictions"] as? [[String: Any]])
    return try entries.map { entry in
      let labels = try #require(entry["labels"] as? [[String: Any]])
      return Prediction(
        image: try #require(entry["image"] as? String),
        labels: try labels.map {
          Label(
            name: try #require($0["label"] as? String),
            probability: try #require($0["probability"] as? Double))
        })
    }
  }
}

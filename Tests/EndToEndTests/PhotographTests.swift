// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Testing

/// Photographs of several sizes that stay in their files: from training to prediction.
///
/// Oracles: what one command says of another's result; the same run with another number of threads, or in two parts.
struct PhotographTests {
  static let network = """
    name: small
    input: [32, 32, 3]
    layers:
      - {type: convolution, name: conv1, filters: 32, kernel: 5, stride: 2, padding: 2}
      - {type: convolution, name: conv2, filters: 32, kernel: 3, stride: 2, padding: 1}
      - {type: convolution, name: conv3, kernel: 3, padding: 1}
      - {type: average_pool}

    """

  /// `photos` with `train` and `val`, and `net.yaml`; classes that differ in colour, in pictures of 40 to 120 pixels.
  static func newFolder() throws -> String {
    let folder = try Workspace.newFolder()
    try Workspace.write(Array(network.utf8), to: folder + "/net.yaml")
    for (label, name) in ["n01", "n02", "n03"].enumerated() {
      for (part, count) in [("train", 16), ("val", 4)] {
        for number in 0..<count {
          var random = SplitMix64(seed: UInt64(label * 1000 + number), stream: UInt64(count))
          let (height, width) = (40 + random.index(below: 80), 40 + random.index(below: 80))
          let pixels = (0..<height * width).flatMap { _ in
            (0..<3).map { c in UInt8((c == label ? 120 : 40) + random.index(below: 100)) }
          }
          try Workspace.write(
            SampleImage.jpeg(pixels, width: width, height: height, channels: 3),
            to: "\(folder)/photos/\(part)/\(name)/\(number).JPEG")
        }
      }
    }
    try Workspace.write(
      Array("n01 red thing\nn02 green thing\nn03 blue thing\n".utf8), to: folder + "/photos/synset_words.txt")
    return folder
  }

  static func arguments(
    _ output: String, epochs: Int = 6, data: String = "imagenet:photos"
  ) -> [String] {
    [
      "train", "--data", data, "--network", "net.yaml", "--epochs", "\(epochs)", "--batch-size", "8",
      "--learning-rate", "0.01", "--validation", "6", "--output", output, "--json",
    ]
  }

  private static let trained = Result {
    let folder = try newFolder()
    let outcome = try SignetProcess.run(arguments("run"), in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return (folder, outcome)
  }

  private let folder: String
  private let outcome: Outcome

  init() throws { (folder, outcome) = try Self.trained.get() }

  @Test func theRunTellsHowFastItsDataIs() throws {
    let result = try outcome.json()
    #expect(try #require(result["loader_images_per_second"] as? Double) > 0)
    let waited = try #require(result["data_wait_share"] as? Double)
    #expect(waited >= 0 && waited <= 1)
    #expect(result["skipped_images"] == nil)
    #expect(outcome.output.contains("42 images, 5 steps an epoch"))
    #expect(outcome.output.contains("images of 32×32×3, augmentation resized-crop-flip"))
    let lines = outcome.output.split(separator: "\n").filter { $0.hasPrefix("epoch ") }
    #expect(lines.count == 6 && lines.allSatisfy { $0.contains("  loader ") && $0.contains(", waited ") })
    let text = try String(contentsOfFile: folder + "/run/config.yaml", encoding: .utf8)
    for part in [
      "\n  resize: center_crop\n", "\ndataDigest: ", "- red thing\n", "\naugmentation: resized-crop-flip\n",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    #expect(try Workspace.names(in: folder + "/photos").contains(".signet-train.index"))
  }

  @Test func everyCommandSeesTheSamePictures() throws {
    let model = "run/model.signet"
    let evaluations = try ["imagenet:photos", "folder:photos"].map {
      try signet("evaluate", model, "--data", $0, "--json", in: folder).json()
    }
    #expect(try #require(evaluations[0]["top1"] as? Double) > 0.8, "three classes; guessing gives 0.33")
    for key in ["count", "top1", "logits_sha256"] {
      #expect("\(evaluations[0][key] ?? 0)" == "\(evaluations[1][key] ?? 1)", "\(key)")
    }
    let one = try signet(
      "evaluate", model, "--data", "imagenet:photos", "--threads", "1", "--batch-size", "5", "--json",
      in: folder)
    #expect(try one.json()["logits_sha256"] as? String == evaluations[0]["logits_sha256"] as? String)
    let files = (0..<4).map { "photos/val/n01/\($0).JPEG" }
    let ofFiles = try Prediction.all(
      of: SignetProcess.run(["predict", model] + files + ["--json"], in: folder))
    let ofData = try Prediction.all(
      of: signet("predict", model, "--data", "imagenet:photos", "--count", "4", "--json", in: folder))
    #expect(ofFiles.map(\.labels) == ofData.map(\.labels))
    #expect(["red thing", "green thing", "blue thing"].contains(ofFiles[0].labels[0].name))
    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "imagenet:photos", "--json", in: folder
    ).json()
    #expect(verified["count"] as? Int == 12 && verified["exact"] as? Bool == true)
  }

  @Test func threadsAndStopsChangeNoBit() throws {
    let folder = try Workspace.newFolder()
    for name in ["photos", "net.yaml"] {
      try Workspace.copy(self.folder + "/" + name, to: folder + "/" + name)
    }
    _ = try SignetProcess.run(Self.arguments("one") + ["--threads", "1"], in: folder).json()
    #expect(
      try Workspace.read(folder + "/one/model.signet") == Workspace.read(self.folder + "/run/model.signet"))
    let epochs = 40
    _ = try SignetProcess.run(Self.arguments("whole", epochs: epochs) + ["--threads", "1"], in: folder).json()
    _ = try ResumeTests.killed(
      Self.arguments("stopped", epochs: epochs) + ["--threads", "3"], in: folder, run: "stopped", after: 2,
      of: epochs)
    _ = try signet("train", "--resume", "--output", "stopped", "--json", in: folder).json()
    try ResumeTests.expectEqualRuns(folder + "/whole", folder + "/stopped")
  }

  @Test func otherPicturesAreRefusedByARunThatGoesOn() throws {
    let folder = try Workspace.newFolder()
    for name in ["photos", "net.yaml", "run"] {
      try Workspace.copy(self.folder + "/" + name, to: folder + "/" + name)
    }
    let picture = folder + "/photos/train/n02/3.JPEG"
    let bytes = try Workspace.read(picture)
    try FileManager.default.removeItem(atPath: picture)
    try Workspace.write(bytes + [0], to: picture)
    try expectFailure(
      ["train", "--resume", "--output", "run"], in: folder, says: ["imagenet:photos is not the data"],
      changes: true)
  }
}

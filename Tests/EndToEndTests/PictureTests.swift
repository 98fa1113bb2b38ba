// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// CIFAR's binary files and folders of pictures, from training with augmentation to prediction.
///
/// Oracles: the same pictures in another kind of file give the same model and the same logits; what `--json` says of one
/// command by another.
struct PictureTests {
  /// `cifar` and `pictures` with the same images, `net.yaml`, and the run `run` on the binary files.
  private struct Trained {
    let folder: String
    let outcome: Outcome

    static let shared = Result {
      let folder = try Workspace.newFolder()
      try SamplePictures.small.writeCIFAR10(to: folder + "/cifar")
      try SamplePictures.small.writeFolder(to: folder + "/pictures")
      try Workspace.write(Array(SamplePictures.network.utf8), to: folder + "/net.yaml")
      let outcome = try SignetProcess.run(arguments(data: "cifar10:cifar", output: "run"), in: folder)
      try #require(outcome.status == 0, "\(outcome.errors)")
      return Trained(folder: folder, outcome: outcome)
    }

    static func arguments(data: String, output: String, epochs: Int = 8) -> [String] {
      [
        "train", "--data", data, "--network", "net.yaml", "--width", "0.5", "--binarizations", "2",
        "--epochs", "\(epochs)", "--batch-size", "16", "--learning-rate", "0.01", "--validation", "20",
        "--output", output, "--json",
      ]
    }

    /// A run of its own on the same data, in a folder of its own.
    static func another(_ options: String..., data: String = "cifar10:cifar") throws -> String {
      let folder = try Workspace.newFolder()
      let source = try shared.get().folder
      for name in ["cifar", "pictures", "net.yaml"] {
        try Workspace.copy(source + "/" + name, to: folder + "/" + name)
      }
      _ = try SignetProcess.run(arguments(data: data, output: "run") + options, in: folder).json()
      return folder
    }
  }

  private let trained: Trained
  private var model: String { trained.folder + "/run/model.signet" }

  init() throws { trained = try Trained.shared.get() }

  @Test func kindsOfFilesGiveTheSameModel() throws {
    let folder = try Trained.another(data: "folder:pictures")
    #expect(try Workspace.read(folder + "/run/model.signet") == Workspace.read(model))
    let texts = try [trained.folder, folder].map {
      try String(contentsOfFile: $0 + "/run/config.yaml", encoding: .utf8)
    }
    #expect(texts[0].contains("data: cifar10:cifar") && texts[1].contains("data: folder:pictures"))
    for text in texts {
      for part in [
        "\n  name: small\n", "\n  width: 0.5\n", "filters: 64\n", "\n  height: 32\n",
        "\naugmentation: crop-flip\n",
      ] {
        #expect(text.contains(part), "\(part)")
      }
    }
    #expect(trained.outcome.output.contains("small width 0.5 by tang: 100 images, 6 steps an epoch"))
    #expect(trained.outcome.output.contains("images of 32×32×3, augmentation crop-flip"))
    #expect(try trained.outcome.json()["seconds_waiting_for_data"] as? Double != nil)
  }

  @Test func augmentationIsAChoice() throws {
    let bytes = try Workspace.read(model)
    #expect(
      try Workspace.read(Trained.another("--augmentation", "crop-flip:4") + "/run/model.signet") == bytes)
    var others: Set<[UInt8]> = [bytes]
    for choice in ["none", "flip", "crop", "crop-flip:2"] {
      let folder = try Trained.another("--augmentation", choice)
      others.insert(try Workspace.read(folder + "/run/model.signet"))
      let text = try String(contentsOfFile: folder + "/run/config.yaml", encoding: .utf8)
      #expect(text.hasSuffix("\naugmentation: \(choice)\n") || text.contains("\naugmentation: \(choice)\n"))
    }
    #expect(others.count == 5)
  }

  @Test func everyCommandReadsThem() throws {
    let evaluations = try ["cifar10:cifar", "folder:pictures"].map {
      try signet("evaluate", model, "--data", $0, "--json", in: trained.folder).json()
    }
    let top1 = try #require(evaluations[0]["top1"] as? Double)
    #expect(top1 > 0.6, "ten classes; guessing gives 0.1")
    for key in ["count", "top1", "top5", "logits_sha256"] {
      #expect("\(evaluations[0][key] ?? 0)" == "\(evaluations[1][key] ?? 1)", "\(key)")
    }
    #expect(evaluations[0]["count"] as? Int == 40)

    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "folder:pictures", "--json", in: trained.folder
    ).json()
    #expect(verified["count"] as? Int == 40 && verified["exact"] as? Bool == true)

    let files = (0..<4).map { "pictures/test/0/\(1000 + $0).png" }
    let ofFiles = try Prediction.all(
      of: SignetProcess.run(["predict", model] + files + ["--json"], in: trained.folder))
    let ofData = try Prediction.all(
      of: signet("predict", model, "--data", "cifar10:cifar", "--count", "4", "--json", in: trained.folder))
    #expect(ofFiles.map(\.labels) == ofData.map(\.labels))
    // By hand: the share of right answers is the evaluation's.
    let all = try Prediction.all(
      of: signet("predict", model, "--data", "folder:pictures", "--count", "40", "--json", in: trained.folder)
    )
    let right = all.enumerated().count { $1.labels[0].name == String($0 / 4) }
    #expect(Double(right) / 40 == top1)
  }

  @Test func hundredClasses() throws {
    let folder = try Workspace.newFolder()
    try SamplePictures.small.writeCIFAR100(to: folder + "/cifar-100-binary")
    let trainedRun = try signet(
      "train", "--data", "cifar100:.", "--network", "nin-cifar", "--width", "0.1", "--epochs", "1",
      "--batch-size", "20", "--output", "run", "--json", in: folder)
    _ = try trainedRun.json()
    #expect(trainedRun.output.contains("nin-cifar width 0.1 by tang: 120 images"))
    let inspected = try signet("inspect", "run/model.signet", "--json", in: folder).json()
    // 16 filters in every layer but the last.
    #expect(
      try InspectTests.weights(inspected) == 16 * 75 + 2 * 16 * 16 + 16 * 400 + 3 * 256 + 16 * 144 + 1600)
    let evaluation = try signet("evaluate", "run/model.signet", "--data", "cifar100:.", "--json", in: folder)
    #expect(try evaluation.json()["count"] as? Int == 40)
  }

  @Test func picturesOfOneSizeKeepItAndOthersGetTheNetworks() throws {
    let folder = try Workspace.newFolder()
    try SamplePictures(height: 20, width: 24, training: 2, test: 1, seed: 3)
      .writeFolder(to: folder + "/pictures", test: "val", jpeg: true)
    func train(_ network: String, _ output: String) throws -> String {
      let outcome = try signet(
        "train", "--data", "folder:pictures", "--network", network, "--width", "0.1", "--epochs", "1",
        "--batch-size", "10", "--output", output, in: folder)
      try #require(outcome.status == 0, "\(outcome.errors)")
      let evaluated = try signet(
        "evaluate", output + "/model.signet", "--data", "folder:pictures", "--json", in: folder)
      #expect(try evaluated.json()["count"] as? Int == 10)
      return outcome.output
    }
    #expect(try train("nin-cifar", "one").contains("images of 20×24×3"))
    let tall = SamplePictures(height: 50, width: 20, training: 1, test: 1, seed: 4)
    try Workspace.write(
      SampleImage.jpeg(tall.training[0], width: 20, height: 50, channels: 3),
      to: folder + "/pictures/train/7/tall.jpg")
    #expect(try train("nin-cifar", "several").contains("images of 32×32×3"))
    // A network without a size of its own takes that of the first picture.
    #expect(try train("nin-small", "first").contains("images of 20×24×3"))
  }

  @Test func aStoppedRunGoesOnWithTheSamePictures() throws {
    let folder = try Workspace.newFolder()
    for name in ["cifar", "net.yaml"] {
      try Workspace.copy(trained.folder + "/" + name, to: folder + "/" + name)
    }
    let epochs = 60
    func arguments(_ output: String, _ threads: Int) -> [String] {
      Trained.arguments(data: "cifar10:cifar", output: output, epochs: epochs) + ["--threads", "\(threads)"]
    }
    _ = try SignetProcess.run(arguments("whole", 1), in: folder).json()
    _ = try ResumeTests.killed(arguments("stopped", 2), in: folder, run: "stopped", after: 2, of: epochs)
    _ = try signet(
      "train", "--resume", "--output", "stopped", "--width", "0.5", "--network", "net.yaml",
      "--augmentation", "crop-flip", "--json", in: folder
    ).json()
    try ResumeTests.expectEqualRuns(folder + "/whole", folder + "/stopped")
  }

  /// A checkpoint from before there was a choice has none: its run goes on without augmentation.
  @Test func oldRunsHaveNoAugmentation() throws {
    let folder = try TrainedRun.copy()
    let path = folder + "/run/checkpoint.safetensors"
    var archive = try SafetensorsEditor(path: path)
    try archive.edit("configuration", as: [String: Any].self) {
      #expect($0.removeValue(forKey: "augmentation") as? String == "none")
    }
    try Workspace.write(archive.encoded(), to: path)
    let resumed = try signet("train", "--resume", "--output", "run", "--augmentation", "none", in: folder)
    #expect(resumed.status == 0 && resumed.output.contains("augmentation none"), "\(resumed.errors)")
    try expectFailure(
      ["train", "--resume", "--output", "run", "--augmentation", "crop"], in: folder,
      says: ["run: --augmentation is crop, but the run was started with none"])
  }

  @Test func damagedPicturesAreNamed() throws {
    let folder = try Workspace.newFolder()
    try SamplePictures(height: 8, width: 8, training: 2, test: 1, seed: 3)
      .writeFolder(to: folder + "/pictures", jpeg: true)
    try SamplePictures.small.writeCIFAR10(to: folder + "/cifar")
    func expectRefusal(_ data: String, _ words: String...) throws {
      try expectFailure(
        ["train", "--data", data, "--network", "nin-cifar", "--epochs", "1", "--output", "run"], in: folder,
        says: words)
    }
    let picture = folder + "/pictures/train/3/1007.jpg"
    let good = try Workspace.read(picture)
    try Workspace.write(Array(good.dropLast(20)), to: picture)
    try expectRefusal("folder:pictures", "train/3/1007.jpg", "truncated")
    try Workspace.write([], to: picture)
    try expectRefusal("folder:pictures", "train/3/1007.jpg", "is empty")
    try Workspace.write(Array("no picture".utf8), to: picture)
    try expectRefusal("folder:pictures", "train/3/1007.jpg", "neither JPEG nor PNG")
    try FileManager.default.removeItem(atPath: folder + "/pictures/train/3")
    try expectRefusal("folder:pictures", "pictures/test", "the class 3 is not in")

    let batch = folder + "/cifar/data_batch_2.bin"
    var bytes = try Workspace.read(batch)
    bytes[3073 * 5] = 10
    try Workspace.write(bytes, to: batch)
    try expectRefusal("cifar10:cifar", "data_batch_2.bin, byte 15365", "label 10 of image 5", "0…9")
    try Workspace.write(Array(bytes.dropLast()), to: batch)
    try expectRefusal("cifar10:cifar", "data_batch_2.bin", "not whole records of 3073")
    try FileManager.default.removeItem(atPath: batch)
    try expectRefusal("cifar10:cifar", "data_batch_2.bin", "No such file")
    try expectRefusal("cifar100:cifar", "test.bin", "binary version")
  }
}

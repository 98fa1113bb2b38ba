// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Pictures that can't be read: named, or, with `--skip-unreadable`, passed over and listed.
///
/// Oracles: the files that the test itself spoiled; the same run, unbroken.
struct UnreadablePictureTests {
  private static let bad = "photos/train/n02/7.JPEG"

  /// Photographs of which one can't be read.
  private static func newFolder() throws -> String {
    let folder = try PhotographTests.newFolder()
    try Workspace.write(Array("no picture".utf8), to: folder + "/" + bad)
    return folder
  }

  private static func expectEqualRuns(_ run: String, _ other: String) throws {
    for name in ["checkpoint.safetensors", "model.signet", "config.yaml", "skipped.txt"] {
      #expect(try Workspace.read(run + "/" + name) == Workspace.read(other + "/" + name), "\(name)")
    }
    #expect(try Metrics.timeless(run) == Metrics.timeless(other))
  }

  private static func list(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func unreadablePicturesAreNamedOrSkipped() throws {
    let folder = try PhotographTests.newFolder()
    let (bad, held) = ("photos/train/n02/7.JPEG", "photos/val/n03/1.JPEG")
    let good = try Workspace.read(folder + "/" + bad)
    try Workspace.write(Array(good.dropLast(good.count / 2)), to: folder + "/" + bad)
    try Workspace.write(Array("no picture".utf8), to: folder + "/" + held)
    try expectFailure(
      PhotographTests.arguments("failed"), in: folder,
      says: [
        bad, "truncated", "save the image again", "leave the file as it is",
        "signet train --resume --skip-unreadable --output failed",
      ],
      changes: true)
    // Whoever saves the image again has other data, and is told what to do about it.
    try Workspace.write(good, to: folder + "/" + bad)
    try expectFailure(
      ["train", "--resume", "--output", "failed"], in: folder,
      says: ["is not the data", "put the files back as they were", "--skip-unreadable"], changes: true)
    try Workspace.write(Array(good.dropLast(good.count / 2)), to: folder + "/" + bad)
    let skipping = try SignetProcess.run(PhotographTests.arguments("run") + ["--skip-unreadable"], in: folder)
    #expect(try skipping.json()["skipped_images"] as? Int == 1)
    #expect(skipping.errors == "1 image can't be read: listed in run/skipped.txt\n")
    let list = try String(contentsOfFile: folder + "/run/skipped.txt", encoding: .utf8)
    #expect(
      list.hasPrefix(bad + "\t") && list.contains("truncated") && list.split(separator: "\n").count == 1)
    try expectFailure(
      ["evaluate", "run/model.signet", "--data", "imagenet:photos"], in: folder,
      says: [held, "neither JPEG"],
      changes: true)
    let evaluated = try signet(
      "evaluate", "run/model.signet", "--data", "imagenet:photos", "--skip-unreadable", "--json", in: folder)
    #expect(try evaluated.json()["count"] as? Int == 11)
    #expect(try evaluated.json()["skipped_images"] as? Int == 1)
    #expect(evaluated.errors.hasPrefix(held + "\t") && evaluated.errors.contains("1 image can't be read"))
    try expectFailure(
      PhotographTests.arguments("other", data: "cifar10:photos") + ["--skip-unreadable"], in: folder,
      status: 64,
      says: ["--skip-unreadable goes with folder:DIR and imagenet:DIR"])
  }

  /// What a run was started with, it goes on with.
  @Test func aRunThatGoesOnSkipsAsBefore() throws {
    let folder = try Self.newFolder()
    let arguments = PhotographTests.arguments("stopped", epochs: 40) + ["--skip-unreadable"]
    _ = try SignetProcess.run(
      PhotographTests.arguments("whole", epochs: 40) + ["--skip-unreadable"], in: folder
    ).json()
    _ = try ResumeTests.killed(arguments, in: folder, run: "stopped", after: 2, of: 40)
    let resumed = try signet("train", "--resume", "--output", "stopped", "--json", in: folder)
    #expect(try resumed.json()["skipped_images"] as? Int == 1)
    #expect(try Self.list(folder + "/stopped/skipped.txt").hasPrefix(Self.bad + "\t"))
    #expect(try Self.list(folder + "/stopped/config.yaml").contains("\nskipUnreadable: true\n"))
    try Self.expectEqualRuns(folder + "/whole", folder + "/stopped")
  }

  /// A run that a bad file ended may go on without the file, and does so from then on.
  @Test func skippingCanBeginLater() throws {
    let folder = try Self.newFolder()
    let whole = try SignetProcess.run(
      PhotographTests.arguments("whole") + ["--skip-unreadable"], in: folder)
    #expect(try whole.json()["skipped_images"] as? Int == 1)
    try expectFailure(PhotographTests.arguments("run"), in: folder, says: [Self.bad], changes: true)
    try expectFailure(["train", "--resume", "--output", "run"], in: folder, says: [Self.bad], changes: true)
    let resumed = try signet(
      "train", "--resume", "--output", "run", "--skip-unreadable", "--json", in: folder)
    #expect(try resumed.json()["skipped_images"] as? Int == 1)
    #expect(try Self.list(folder + "/run/config.yaml").contains("\nskipUnreadable: true\n"))
    try Self.expectEqualRuns(folder + "/whole", folder + "/run")
  }

  /// Pictures of one size are decoded at once, and those that can't be are listed all the same.
  @Test func picturesInMemoryAreListedToo() throws {
    let folder = try PhotographTests.newFolder()
    let pixels = [UInt8](repeating: 90, count: 40 * 40 * 3)
    for name in ["n01", "n02", "n03"] {
      for number in 0..<8 {
        let bytes =
          name == "n02" && number == 3
          ? Array("no picture".utf8) : try SampleImage.jpeg(pixels, width: 40, height: 40, channels: 3)
        try Workspace.write(bytes, to: "\(folder)/same/train/\(name)/\(number).JPEG")
      }
    }
    let run = try SignetProcess.run(
      PhotographTests.arguments("run", epochs: 1, data: "folder:same") + ["--skip-unreadable"], in: folder)
    #expect(try run.json()["skipped_images"] as? Int == 1)
    #expect(run.output.contains("17 images"), "24 less 1 less 6 held out")
    #expect(try Self.list(folder + "/run/skipped.txt").hasPrefix("same/train/n02/3.JPEG\t"))
  }

  /// A figure of no image would mean nothing.
  @Test func someImageMustBeReadable() throws {
    let folder = try Self.newFolder()
    for name in ["n01", "n02", "n03"] {
      for number in 0..<4 {
        try Workspace.write(Array("no picture".utf8), to: "\(folder)/photos/val/\(name)/\(number).JPEG")
      }
    }
    let arguments = PhotographTests.arguments("run") + ["--skip-unreadable"]
    _ = try SignetProcess.run(arguments, in: folder).json()
    try expectFailure(
      ["evaluate", "run/model.signet", "--data", "imagenet:photos", "--skip-unreadable"], in: folder,
      says: ["none of the 12 images can be read", "mend the files"], changes: true)
    let verified = try signet(
      "verify", "run/checkpoint.safetensors", "--data", "imagenet:photos", "--split", "training",
      "--skip-unreadable", "--json", in: folder
    ).json()
    #expect(verified["count"] as? Int == 47 && verified["skipped_images"] as? Int == 1)
  }

  @Test func studiesSkipAndList() throws {
    let folder = try Self.newFolder()
    let study = [
      "study", "last-layer", "--data", "imagenet:photos", "--network", "net.yaml", "--epochs", "2",
      "--batch-size", "8", "--validation", "6", "--output", "study",
    ]
    try expectFailure(
      Array(study.dropLast()) + ["failed"], in: folder, says: [Self.bad, "neither JPEG nor PNG"],
      changes: true)
    try expectFailure(
      Array(study.dropLast()) + ["failed", "--skip-unreadable"], in: folder, says: ["was started without it"],
      changes: true)
    let outcome = try SignetProcess.run(study + ["--skip-unreadable", "--json"], in: folder)
    #expect(try outcome.json()["skipped_images"] as? Int == 1)
    #expect(outcome.errors.contains("1 image can't be read: listed in study/skipped.txt"))
    #expect(try Self.list(folder + "/study/skipped.txt").hasPrefix(Self.bad + "\t"))
    #expect(try Self.list(folder + "/study/study.json").contains("--skip-unreadable --output"))
    // The same command, without the option, goes on as it was begun: here, with nothing to do.
    let again = try SignetProcess.run(study + ["--json"], in: folder)
    #expect(try again.json()["skipped_images"] as? Int == 1)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Data that is missing, damaged, or another model's: training and evaluation say so and leave nothing behind.
struct BadDataTests {
  private let folder: String

  init() throws { folder = try Workspace.newFolderWithData() }

  private func expectRefusal(
    data: String = "idx:data", _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectFailure(
      ["train", "--data", data, "--network", "net.yaml", "--epochs", "1", "--output", "run", "--json"],
      in: folder,
      says: words, sourceLocation: sourceLocation)
  }

  private func expectTestRefusal(_ words: [String], sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    let run = try TrainedRun.shared.get()
    for arguments in [["evaluate", run.model], ["verify", run.checkpoint], ["predict", run.model]] {
      try expectFailure(
        arguments + ["--data", "idx:data", "--json"], in: folder, says: words, sourceLocation: sourceLocation)
    }
  }

  @Test func missingOrEmptyFolders() throws {
    try FileManager.default.createDirectory(atPath: folder + "/empty", withIntermediateDirectories: true)
    try expectRefusal(data: "idx:nowhere", ["nowhere", "is not a folder", "give the folder"])
    try expectRefusal(data: "idx:net.yaml", ["net.yaml", "is not a folder"])
    try expectRefusal(data: "idx:empty", ["empty", "train-images-idx3-ubyte", "put the IDX files there"])
    try expectRefusal(data: "folder:empty", ["empty", "train/"])
    try expectRefusal(data: "cifar10:empty", ["empty", "batch"])
    try expectRefusal(data: "cifar100:empty", ["empty"])
    try expectRefusal(data: "imagenet:empty", ["empty", "train/"])
    try expectRefusal(data: "idx:", ["names no folder"])
    try expectRefusal(data: "mnist", ["mnist", "not a known kind", "fashion-mnist", "idx:DIR"])
    try FileManager.default.removeItem(atPath: folder + "/data/t10k-images-idx3-ubyte")
    try expectTestRefusal(["t10k-images-idx3-ubyte"])
  }

  @Test func damagedFiles() throws {
    let images = folder + "/data/train-images-idx3-ubyte"
    let labels = folder + "/data/train-labels-idx1-ubyte"
    let (goodImages, goodLabels) = (try Workspace.read(images), try Workspace.read(labels))
    func changed(_ bytes: [UInt8], _ at: Int, _ value: UInt8) -> [UInt8] {
      var bytes = bytes
      bytes[at] = value
      return bytes
    }
    let cases: [(path: String, bytes: [UInt8], words: [String])] = [
      (images, changed(goodImages, 0, 0x89), ["byte 0", "not an IDX file", "89 00 08 03"]),
      (images, changed(goodImages, 2, 0x0d), ["byte 2", "0x0d", "unsigned bytes"]),
      (images, changed(goodImages, 3, 9), ["byte 3", "9 dimensions"]),
      (images, changed(goodImages, 7, 239), ["goes on after"]),
      (images, changed(goodImages, 4, 0x7f), ["byte 4", "2130706672×12×12", "the header is damaged"]),
      (
        images, Array(goodImages.dropLast()),
        ["byte 34575", "ends after 34559 of the 34560 bytes of 240×12×12"]
      ),
      (images, Array(goodImages.prefix(9)), ["byte 9", "ends within the IDX header"]),
      (images, [], ["ends within the IDX header"]),
      (images, goodLabels, ["1 dimensions", "images have 3"]),
      (images, IDXFile.bytes([0, 12, 12], []), ["has 0 images", "240 labels"]),
      (images, IDXFile.bytes([240, 0, 12], []), ["0×12"]),
      (labels, goodImages, ["3 dimensions", "labels have 1"]),
      (
        labels, IDXFile.bytes([239], Array(goodLabels[8..<247])),
        ["has 240 images", "has 239 labels", "belong together"]
      ),
      (labels, Array(goodLabels.dropLast(10)), ["ends after 230 of the 240 bytes"]),
    ]
    for (path, bytes, words) in cases {
      let good = try Workspace.read(path)
      try Workspace.write(bytes, to: path)
      try expectRefusal([path.hasSuffix("1-ubyte") ? "labels" : "images"] + words)
      try Workspace.write(good, to: path)
    }
  }

  @Test func damagedGzip() throws {
    let packed = folder + "/packed"
    try SampleData.small.write(to: packed, gzip: true)
    let path = packed + "/train-images-idx3-ubyte.gz"
    let good = try Workspace.read(path)
    try Workspace.write(Array(good.prefix(good.count / 2)), to: path)
    try expectRefusal(data: "idx:packed", [path.split(separator: "/").last.map(String.init) ?? "", "ends"])
    var damaged = good
    // The checksum at the end.
    damaged[good.count - 6] ^= 1
    try Workspace.write(damaged, to: path)
    try expectRefusal(data: "idx:packed", ["gzip data is damaged", "again"])
  }

  @Test func noImages() throws {
    for (name, dimensions) in [("images-idx3", [0, 12, 12]), ("labels-idx1", [0])] {
      try Workspace.write(IDXFile.bytes(dimensions, []), to: folder + "/data/train-\(name)-ubyte")
    }
    try expectRefusal(["has no images"])
  }

  /// The training labels say which classes there are: a test label beyond them belongs to nothing.
  @Test func aTestLabelOutsideTheClasses() throws {
    let labels = folder + "/data/t10k-labels-idx1-ubyte"
    var bytes = try Workspace.read(labels)
    bytes[8 + 17] = 5
    try Workspace.write(bytes, to: labels)
    try expectTestRefusal(["t10k-labels-idx1-ubyte", "label 5 of image 17", "5 classes 0…4"])
  }

  /// Other numbers of classes than the model's, above and below.
  @Test(arguments: [3, 8]) func dataOfOtherClasses(classes: Int) throws {
    try FileManager.default.removeItem(atPath: folder + "/data")
    try SampleData(classes: classes, training: 48, test: 24, seed: 3).write(to: folder + "/data")
    try expectTestRefusal(["idx:data has \(classes) classes", "the model has 5", "trained for"])
  }

  @Test func aSingleClassIsNoTask() throws {
    try Workspace.write(
      IDXFile.bytes([240], [UInt8](repeating: 0, count: 240)), to: folder + "/data/train-labels-idx1-ubyte")
    try expectRefusal(["at least 2 classes"])
  }

  @Test func validationLargerThanTheData() throws {
    for count in ["240", "100000"] {
      try expectFailure(
        [
          "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "1", "--validation", count,
          "--output",
          "run",
        ], in: folder, says: ["\(count) images cannot be held out of the 240", "0 to 239"])
    }
  }
}

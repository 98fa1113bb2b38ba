// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Image files of all kinds, named by their content.
///
/// Oracles: the same picture in another kind of file gives the same answer; a softmax sums to 1.
struct PredictTests {
  private let run: TrainedRun
  private let folder: String
  private let side = SampleData.side

  init() throws {
    run = try TrainedRun.shared.get()
    folder = try Workspace.newFolder()
  }

  private func predict(_ files: [String], _ options: String...) throws -> [Prediction] {
    try Prediction.all(
      of: SignetProcess.run(["predict", run.model] + files + options + ["--json"], in: folder))
  }

  @Test func kindsOfFilesAgree() throws {
    for (index, image) in SampleData.small.testImages.prefix(5).enumerated() {
      func write(_ name: String, _ bytes: [UInt8]) throws {
        try Workspace.write(bytes, to: folder + "/" + name)
      }
      let (large, small) = (side * 3, image.pixels)
      func grown(_ channels: Int) -> [UInt8] {
        SampleImage.enlarged(small, side: side, factor: 3, channels: channels)
      }
      try write("grey.png", SampleImage.png(small, width: side, height: side, channels: 1))
      try write(
        "rgb.png",
        SampleImage.png(
          SampleImage.enlarged(small, side: side, factor: 1, channels: 3), width: side, height: side,
          channels: 3))
      try write("large.png", SampleImage.png(grown(1), width: large, height: large, channels: 1))
      try write("large.PNG.txt", SampleImage.png(grown(3), width: large, height: large, channels: 3))
      try write("grey.jpg", SampleImage.jpeg(grown(1), width: large, height: large, channels: 1))
      try write("rgb.jpg", SampleImage.jpeg(grown(3), width: large, height: large, channels: 3))
      let files = ["grey.png", "rgb.png", "large.png", "large.PNG.txt", "grey.jpg", "rgb.jpg"]
      let predictions = try predict(files)
      #expect(predictions.map(\.image) == files)
      for prediction in predictions {
        #expect(prediction.labels.count == 5)
        #expect(abs(prediction.labels.reduce(0) { $0 + $1.probability } - 1) < 1e-9)
        #expect(prediction.labels.map(\.probability) == prediction.labels.map(\.probability).sorted(by: >))
        #expect(prediction.labels[0].name == String(image.label), "image \(index), \(prediction.image)")
      }
      // Grey and RGB with equal channels are the same picture, to the last bit.
      #expect(predictions[0].labels == predictions[1].labels)
      #expect(predictions[2].labels == predictions[3].labels)
    }
  }

  @Test func anySizeIsBroughtToTheInput() throws {
    let sizes = [(1, 1), (1, 40), (37, 5), (12, 12), (200, 3)]
    for (width, height) in sizes {
      let pixels = (0..<width * height).map { UInt8($0 % 251) }
      let file = try SampleImage.png(pixels, width: width, height: height, channels: 1)
      try Workspace.write(file, to: folder + "/\(width)x\(height).png")
    }
    let predictions = try predict(sizes.map { "\($0.0)x\($0.1).png" }, "--top", "2")
    #expect(predictions.allSatisfy { $0.labels.count == 2 })
  }

  @Test func moreLabelsThanClassesAreAll() throws {
    let file = try SampleImage.png([0], width: 1, height: 1, channels: 1)
    try Workspace.write(file, to: folder + "/dot.png")
    #expect(
      try predict(["dot.png"], "--top", "1000")[0].labels.map(\.name).sorted() == ["0", "1", "2", "3", "4"])
  }

  @Test func dataImagesAreDrawnWithTheirLabels() throws {
    let outcome = try signet("predict", run.model, "--data", "idx:data", "--count", "3", in: run.folder)
    for (index, image) in SampleData.small.testImages.prefix(3).enumerated() {
      #expect(outcome.output.contains("test image \(index), labelled \(image.label)"))
    }
  }

  @Test func filesThatAreNoImages() throws {
    let png = try SampleImage.png([UInt8](repeating: 9, count: 400), width: 20, height: 20, channels: 1)
    let jpeg = try SampleImage.jpeg([UInt8](repeating: 9, count: 400), width: 20, height: 20, channels: 1)
    var crossed = png
    // In the packed pixels: other chunks may be damaged without harm.
    let pixels = try #require(
      (0..<png.count - 8).first { png[$0..<$0 + 4].elementsEqual("IDAT".utf8) })
    crossed[pixels + 8] ^= 0xff
    let cases: [(String, [UInt8], [String])] = [
      ("text.png", Array("hello".utf8), ["neither JPEG nor PNG", "convert"]),
      ("empty.png", [], ["is empty"]),
      ("short.png", Array(png.prefix(png.count / 2)), []),
      ("damaged.png", crossed, ["damaged.png"]),
      ("short.jpg", Array(jpeg.prefix(jpeg.count / 3)), []),
      ("magic.jpg", Array(jpeg.prefix(3)), []),
      ("model.png", try Workspace.read(run.model), ["neither JPEG nor PNG"]),
    ]
    try Workspace.write(png, to: folder + "/good.png")
    for (name, bytes, _) in cases { try Workspace.write(bytes, to: folder + "/" + name) }
    for (name, _, words) in cases {
      // A good image before it is not told either: no partial output.
      try expectFailure(["predict", run.model, "good.png", name, "--json"], in: folder, says: [name] + words)
    }
    try expectFailure(["predict", run.model, "none.png"], in: folder, says: ["none.png", "No such file"])
    try expectFailure(["predict", run.model, "."], in: folder, says: ["is a folder"])
  }
}

// SPDX-License-Identifier: Apache-2.0

import SignetData
import Testing

@Suite struct DataSpecTests {
  @Test(arguments: [
    ("fashion-mnist", DataSpec.Kind.fashionMNIST, ""), ("idx:a", .idx, "a"),
    ("cifar10:/b/c", .cifar10, "/b/c"),
    ("cifar100:x y", .cifar100, "x y"), ("folder:C:/d", .folder, "C:/d"), ("imagenet:e", .imagenet, "e"),
  ])
  func parsesEachForm(text: String, kind: DataSpec.Kind, folder: String) throws {
    let spec = try DataSpec(parsing: text)
    #expect(spec.kind == kind)
    #expect(spec.folder == folder)
    #expect(spec.description == text)
  }

  @Test(arguments: ["", "mnist", "idx", "idx:", "IDX:a", "fashion-mnist:a", ":a", "folder", " idx:a"])
  func refusesOtherText(text: String) throws {
    let error = try expectError(.invalidSpecification) { try DataSpec(parsing: text) }
    #expect(error.message.contains("`\(text)`"))
    #expect(error.message.contains("use "))
  }

  @Test(arguments: ["idx:a", "cifar10:a", "fashion-mnist"])
  func onlyFilesOfPicturesCanBeSkipped(text: String) throws {
    let error = try expectError(.invalidArgument) {
      try DataSpec(parsing: text).open(split: .test, skipped: SkippedImages())
    }
    #expect(error.message.contains("--skip-unreadable goes with folder:DIR and imagenet:DIR"))
  }

  @Test(arguments: ["idx:a", "cifar10:a", "cifar100:a", "folder:a"])
  func onlyFashionMNISTHasARoot(text: String) throws {
    let root = try TemporaryFolder()
    let error = try expectError(.invalidArgument) {
      try DataSpec(parsing: text).load(split: .test, root: root.path)
    }
    #expect(error.message.contains("--data-root goes with fashion-mnist"))
    #expect(try DataSpec(parsing: "fashion-mnist").objectionToRoot == nil)
  }

  @Test func errorsReadAsOneLine() {
    let error = DataError(.damaged, "is damaged", path: "a/b", byteOffset: 7)
    #expect("\(error)" == "a/b, byte 7: is damaged")
    #expect("\(DataError(.empty, "nothing"))" == "nothing")
  }
}

/// Oracle: the bytes that the test itself put into the files.
@Suite struct IDXFolderTests {
  let folder: TemporaryFolder
  let pixels = randomBytes(4 * 2 * 3, seed: 3)

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(idx([4, 2, 3], pixels), to: "train-images-idx3-ubyte")
    try folder.write(idx([4], [0, 2, 1, 2]), to: "train-labels-idx1-ubyte")
    try folder.write(gzip(idx([1, 2, 3], Array(pixels[..<6]))), to: "t10k-images-idx3-ubyte.gz")
    try folder.write(gzip(idx([1], [1])), to: "t10k-labels-idx1-ubyte.gz")
  }

  private func load(_ split: Split) throws -> LabelledImages {
    try DataSpec(parsing: "idx:\(folder.path)").load(split: split)
  }

  @Test func readsPlainAndGzip() throws {
    let training = try load(.training)
    #expect(training.layout == ImageLayout(height: 2, width: 3, channels: 1))
    #expect(training.pixels == pixels)
    #expect(training.labels == [0, 2, 1, 2])
    #expect(training.classNames == ["0", "1", "2"])
    let test = try load(.test)
    #expect(test.pixels == Array(pixels[..<6]))
    #expect(test.classNames == ["0", "1", "2"], "the training labels decide")
  }

  @Test func readsFourDimensionsAndDottedNames() throws {
    let other = try TemporaryFolder()
    try other.write(idx([2, 2, 2, 3], pixels), to: "train-images.idx3-ubyte")
    try other.write(idx([2], [0, 1]), to: "train-labels.idx1-ubyte")
    let images = try DataSpec(parsing: "idx:\(other.path)").load(split: .training)
    #expect(images.layout == ImageLayout(height: 2, width: 2, channels: 3))
    #expect(images.pixels == pixels)
    try expectError(.notFound) { try DataSpec(parsing: "idx:\(other.path)").load(split: .test) }
  }

  @Test func layoutFitsTheImages() throws {
    let layout = ImageLayout(height: 5, width: 4, channels: 3)
    let fitted = try DataSpec(parsing: "idx:\(folder.path)").load(split: .training, layout: layout)
    #expect(fitted.layout == layout)
    #expect(fitted.labels == [0, 2, 1, 2])
    #expect(fitted.image(at: 2) == (try load(.training).image(at: 2).fitted(to: layout)))
  }

  @Test func differentCountsNameBothFiles() throws {
    try folder.write(idx([3], [0, 1, 2]), to: "train-labels-idx1-ubyte")
    let error = try expectError(.countMismatch) { try load(.training) }
    for text in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "4 images", "3 labels"] {
      #expect(error.description.contains(text))
    }
  }

  @Test func labelOutsideTheClassesIsNamed() throws {
    try folder.write(gzip(idx([1], [3])), to: "t10k-labels-idx1-ubyte.gz")
    let error = try expectError(.labelOutOfRange) { try load(.test) }
    #expect(error.description.contains("label 3 of image 0"))
    #expect(error.path?.hasSuffix("t10k-labels-idx1-ubyte.gz") == true)
  }

  @Test func exchangedFilesAreNoticed() throws {
    try folder.write(idx([4], [0, 2, 1, 2]), to: "train-images-idx3-ubyte")
    try expectError(.wrongFormat) { try load(.training) }
    try folder.write(idx([4, 2, 3], pixels), to: "train-images-idx3-ubyte")
    try folder.write(idx([4, 2, 3], pixels), to: "train-labels-idx1-ubyte")
    try expectError(.wrongFormat) { try load(.training) }
  }

  @Test func impossibleShapesAreRefused() throws {
    try folder.write(idx([0, 2, 3], []), to: "train-images-idx3-ubyte")
    try folder.write(idx([0], []), to: "train-labels-idx1-ubyte")
    try expectError(.empty) { try load(.training) }
    try folder.write(idx([4, 0, 3], []), to: "train-images-idx3-ubyte")
    try folder.write(idx([4], [0, 0, 0, 0]), to: "train-labels-idx1-ubyte")
    try expectError(.invalidArgument) { try load(.training) }
    try folder.write(idx([4, 1, 3, 2], pixels), to: "train-images-idx3-ubyte")
    try expectError(.invalidArgument) { try load(.training) }
  }

  @Test func missingFolderOrFileIsNamed() throws {
    try expectError(.notFound) { try DataSpec(parsing: "idx:/nowhere/at/all").load(split: .training) }
    let empty = try TemporaryFolder()
    let error = try expectError(.notFound) { try DataSpec(parsing: "idx:\(empty.path)").load(split: .test) }
    #expect(error.message.contains("t10k-images-idx3-ubyte"))
  }
}

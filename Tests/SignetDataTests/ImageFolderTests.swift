// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import SignetData
import Testing

/// Oracle: the files that the test itself wrote, decoded and fitted one by one.
@Suite struct ImageFolderTests {
  let folder: TemporaryFolder
  let grey = PixelImage(height: 4, width: 6, channels: 1, pixels: randomBytes(24, seed: 31))
  let color = PixelImage(height: 5, width: 3, channels: 3, pixels: randomBytes(45, seed: 32))

  private let usual = ImageLayout(height: 7, width: 9, channels: 3)

  init() throws {
    folder = try TemporaryFolder()
    for split in ["train", "test"] {
      try folder.write(png(grey), to: "\(split)/cat/b.png")
      try folder.write(png(color), to: "\(split)/cat/a.PNG")
      try folder.write(png(grey), to: "\(split)/Dog/1.jpeg")
      try folder.write(Array("notes".utf8), to: "\(split)/Dog/readme.txt")
      try folder.write(Array("hidden".utf8), to: "\(split)/Dog/.hidden.jpg")
    }
  }

  private func png(_ image: PixelImage) throws -> [UInt8] {
    let length = image.width * image.channels
    let rows = (0..<image.height).map { Array(image.pixels[$0 * length..<($0 + 1) * length]) }
    return try SamplePNG.encode(
      width: image.width, height: image.height, colorType: image.channels == 3 ? 2 : 0, rows: rows)
  }

  private func load(_ split: Split, _ layout: ImageLayout? = nil) throws -> LabelledImages {
    try DataSpec(parsing: "folder:\(folder.path)").load(split: split, layout: layout)
  }

  @Test func classesAndFilesAreSorted() throws {
    let layout = ImageLayout(height: 4, width: 4, channels: 3)
    let images = try load(.training, layout)
    #expect(images.classNames == ["Dog", "cat"], "upper case comes before lower case, whatever the locale")
    #expect(images.labels == [0, 1, 1])
    for (index, image) in [grey, color, grey].enumerated() {
      #expect(images.image(at: index) == (try image.fitted(to: layout)))
    }
    #expect(try load(.test, layout).pixels == images.pixels)
  }

  @Test func firstImageGivesTheSize() throws {
    #expect(try load(.training).layout == ImageLayout(height: 4, width: 6, channels: 3))
    try folder.write(png(grey), to: "train/cat/a.PNG")
    let images = try load(.training)
    #expect(images.layout == ImageLayout(height: 4, width: 6, channels: 1), "all are grey now")
    #expect(images.image(at: 2) == grey)
  }

  @Test func imagesOfSeveralSizesGetTheOneThatIsGiven() throws {
    let images = try DataSpec(parsing: "folder:\(folder.path)").load(split: .training, usual: usual)
    #expect(images.layout == usual)
    for (index, image) in [grey, color, grey].enumerated() {
      #expect(images.image(at: index) == (try image.fitted(to: usual)))
    }
    // A layout that is asked for is kept to.
    let other = ImageLayout(height: 2, width: 3, channels: 1)
    let asked = try DataSpec(parsing: "folder:\(folder.path)").load(split: .training, layout: other)
    #expect(asked.layout == other)
  }

  @Test func imagesOfOneSizeKeepIt() throws {
    let colorful = PixelImage(height: 4, width: 6, channels: 3, pixels: randomBytes(72, seed: 33))
    try folder.write(png(colorful), to: "train/cat/a.PNG")
    let images = try DataSpec(parsing: "folder:\(folder.path)").load(split: .training, usual: usual)
    #expect(images.layout == ImageLayout(height: 4, width: 6, channels: 3))
    #expect(images.image(at: 1) == colorful)
    #expect(images.image(at: 2) == grey.converted(toChannels: 3))
    try folder.write(png(grey), to: "train/cat/a.PNG")
    let allGrey = try DataSpec(parsing: "folder:\(folder.path)").load(split: .training, usual: usual)
    #expect(allGrey.layout == ImageLayout(height: 4, width: 6, channels: 1))
  }

  /// A damaged file is found whether or not the sizes differ.
  @Test func damagedImageAmongSeveralSizesIsNamed() throws {
    try folder.write(Array(png(color).dropLast(20)), to: "train/cat/z.png")
    let error = try expectError(.truncated) {
      try DataSpec(parsing: "folder:\(folder.path)").load(split: .training, usual: usual)
    }
    #expect(error.path?.hasSuffix("train/cat/z.png") == true)
  }

  @Test func valStandsInForTest() throws {
    let other = try TemporaryFolder()
    try other.write(png(grey), to: "val/x/1.png")
    #expect(try DataSpec(parsing: "folder:\(other.path)").load(split: .test).count == 1)
    let error = try expectError(.notFound) {
      try DataSpec(parsing: "folder:\(other.path)").load(split: .training)
    }
    #expect(error.message.contains("train/"))
  }

  @Test func manyImagesKeepTheirPlaces() throws {
    for number in 0..<200 {
      let image = PixelImage(height: 1, width: 1, channels: 1, pixels: [UInt8(number)])
      try folder.write(png(image), to: "train/many/\(1000 + number).png")
    }
    let images = try load(.training, ImageLayout(height: 1, width: 1, channels: 1))
    #expect(images.classNames == ["Dog", "cat", "many"])
    #expect(Array(images.pixels[3...]) == (0..<200).map { UInt8($0) })
  }

  @Test func damagedImageIsNamed() throws {
    try folder.write(Array(png(color).dropLast(20)), to: "train/cat/a.PNG")
    try folder.write([1, 2, 3], to: "train/cat/z.png")
    let error = try expectError(.truncated) { try load(.training) }
    #expect(error.path?.hasSuffix("train/cat/a.PNG") == true, "the first of the two")
  }

  @Test func emptyAndMissingFoldersAreErrors() throws {
    try expectError(.notFound) { try DataSpec(parsing: "folder:/nowhere/at/all").load(split: .training) }
    let bare = try TemporaryFolder()
    try expectError(.notFound) { try DataSpec(parsing: "folder:\(bare.path)").load(split: .test) }
    try bare.makeFolder("train")
    try expectError(.empty) { try DataSpec(parsing: "folder:\(bare.path)").load(split: .training) }
    try folder.makeFolder("train/zebra")
    let error = try expectError(.empty) { try load(.training) }
    #expect(error.path?.hasSuffix("train/zebra") == true)
  }

  @Test func splitsMustHaveTheSameClasses() throws {
    try folder.write(png(grey), to: "train/emu/1.png")
    #expect(try expectError(.invalidArgument) { try load(.test) }.message.contains("emu"))
    try folder.write(png(grey), to: "test/emu/1.png")
    #expect(try load(.test).classNames == ["Dog", "cat", "emu"])
    try folder.write(png(grey), to: "test/fox/1.png")
    let error = try expectError(.invalidArgument) { try load(.test) }
    #expect(error.message.contains("fox"))
    // Before training too, in the same words: it could not be learned afterwards.
    #expect(try expectError(.invalidArgument) { try load(.training) } == error)
    try folder.write(png(grey), to: "train/fox/1.png")
    try folder.write(png(grey), to: "train/gnu/1.png")
    #expect(try load(.training).classNames == ["Dog", "cat", "emu", "fox", "gnu"])
  }

  @Test func impossibleLayoutIsRefused() throws {
    try expectError(.invalidArgument) { try load(.training, ImageLayout(height: 0, width: 4, channels: 3)) }
    try expectError(.invalidArgument) { try load(.training, ImageLayout(height: 4, width: 4, channels: 4)) }
  }
}

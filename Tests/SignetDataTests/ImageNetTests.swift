// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import Foundation
import Signet
import SignetData
import Testing

/// Oracle: the files that the test itself wrote.
@Suite struct ImageNetTests {
  let photographs: SamplePhotographs

  init() throws { photographs = try SamplePhotographs(perClass: 2) }

  @Test func classesAreNamedByTheirFile() throws {
    #expect(try photographs.spec().open(split: .test).classNames == SamplePhotographs.classes)
    try photographs.folder.write(
      Array("n002 crane \nn001 tench, Tinca tinca\n\nn003\tcrane\nn999 other\n".utf8), to: "synset_words.txt")
    #expect(
      try photographs.spec().open(split: .test).classNames
        == ["tench, Tinca tinca", "crane (n002)", "crane (n003)"])
    try photographs.folder.write(Array("n003 third\r\nn001 first\r\n".utf8), to: "LOC_synset_mapping.txt")
    #expect(try photographs.spec().open(split: .training).classNames == ["first", "n002", "third"])
  }

  @Test func photographsGetTheCenterOfANetworksInput() throws {
    func layout(_ fit: ImageFit) throws -> ImageLayout {
      try photographs.spec().open(split: .training, fit: fit).layout
    }
    #expect(
      try layout(.network()) == ImageLayout(height: 224, width: 224, channels: 3, resize: .centerCrop))
    let (own, usual) = (
      ImageLayout(height: 227, width: 227, channels: 3), ImageLayout(height: 32, width: 32, channels: 3)
    )
    #expect(try layout(.network(required: own, usual: own)).height == 227)
    #expect(try layout(.network(usual: usual)).resize == .centerCrop)
    #expect(try layout(.network(usual: usual)).height == 32)
    #expect(try layout(.layout(usual)) == usual)
  }

  @Test func imagesSideBySideAreToldWhatToDo() throws {
    let manager = FileManager.default
    try manager.moveItem(
      atPath: photographs.path + "/val/n001/n001_0.JPEG", toPath: photographs.path + "/val/ILSVRC_1.JPEG")
    func expectAdvice() throws {
      let error = try expectError(.invalidArgument) { try photographs.spec().open(split: .test) }
      #expect(error.path?.hasSuffix("/val") == true)
      for words in ["ILSVRC_1.JPEG", "folder for each class", "WordNet number", "as in train/"] {
        #expect(error.message.contains(words))
      }
    }
    try expectAdvice()
    for name in SamplePhotographs.classes {
      try manager.removeItem(atPath: photographs.path + "/val/\(name)")
    }
    try expectAdvice()
  }

  @Test func splitsMustAgree() throws {
    try FileManager.default.removeItem(atPath: photographs.path + "/val/n002")
    try expectError(.invalidArgument) { try photographs.spec().open(split: .test) }
    try FileManager.default.removeItem(atPath: photographs.path + "/train")
    try expectError(.notFound) { try photographs.spec().open(split: .training) }
  }
}

/// Which folders are read as needed.
///
/// Oracle: the table in the documentation of `ImageFolder`, and images decoded one by one.
@Suite struct FolderOpeningTests {
  private let input = ImageLayout(height: 40, width: 40, channels: 3)

  private func centered(_ layout: ImageLayout) -> ImageLayout {
    ImageLayout(height: layout.height, width: layout.width, channels: layout.channels, resize: .centerCrop)
  }

  @Test func severalSizesForANetworkOfOneAreReadAsNeeded() throws {
    let folder = try SamplePhotographs(perClass: 3)
    let images = try folder.spec("folder").open(split: .training, fit: .network(required: input))
    #expect(images.isStreamed && images.layout == centered(input) && images.digest != nil)
    #expect(images.name == "folder:\(folder.path)")
    let again = try folder.spec("folder").open(split: .test, fit: .layout(images.layout))
    #expect(again.isStreamed && again.count == 6)
  }

  @Test func oneSizeIsKeptInMemory() throws {
    let folder = try SamplePhotographs(perClass: 3, size: (50, 44))
    let images = try folder.spec("folder").open(split: .training, fit: .network(required: input))
    #expect(!images.isStreamed && images.layout == input && images.digest == nil)
    let own = try folder.spec("folder").open(split: .training)
    #expect(!own.isStreamed && own.layout == ImageLayout(height: 50, width: 44, channels: 3))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["train", "val"])
  }

  @Test func networksOfAnySizeKeepPicturesInMemory() throws {
    let folder = try SamplePhotographs(perClass: 3)
    let images = try folder.spec("folder").open(split: .training, fit: .network(usual: input))
    #expect(!images.isStreamed && images.layout == input)
  }

  /// The same pixels, wherever they are.
  @Test func largeFoldersAreReadAsNeeded() throws {
    for size in [(50, 44), nil] {
      let folder = try SamplePhotographs(perClass: 3, size: size)
      for fit in [ImageFit.layout(input), .network(usual: input)] {
        let memory = try folder.spec("folder").open(split: .training, fit: fit)
        let files = try folder.spec("folder").open(split: .training, fit: fit, memoryLimit: 9 * 4000)
        #expect(!memory.isStreamed && files.isStreamed)
        #expect(memory.layout == files.layout && memory.classNames == files.classNames)
        #expect(memory.count == 9 && files.count == 9)
        for index in 0..<9 {
          #expect(try memory.image(at: index) == files.image(at: index))
          #expect(memory.label(at: index) == files.label(at: index))
        }
      }
    }
  }

  /// What a run from before kept in memory, it keeps there.
  @Test func theLimitOfMemoryIsTheCallers() throws {
    let folder = try SamplePhotographs(perClass: 3)
    for (limit, isStreamed) in [(Int.max, false), (0, true)] {
      let images = try folder.spec("folder").open(split: .training, fit: .layout(input), memoryLimit: limit)
      #expect(images.isStreamed == isStreamed && (images.digest != nil) == isStreamed)
    }
  }

  /// Sizes come from the beginnings of the files, and are those of the pictures upright.
  @Test func turnedPicturesHaveOneSize() throws {
    let folder = try SamplePhotographs(perClass: 2, size: (50, 44))
    let lying = try SampleJPEG.encode(
      ImageReaderTests.picture(height: 44, width: 50), width: 50, height: 44, format: TJPF_RGB)
    let turned = SampleJPEG.inserting(
      segment: 0xe1, SampleJPEG.exif(orientation: 6, littleEndian: false), into: lying)
    // A preview and a profile that go beyond what is looked at first.
    let far = (0..<6).reduce(turned) { file, _ in
      SampleJPEG.inserting(segment: 0xe2, [UInt8](repeating: 1, count: 60_000), into: file)
    }
    for file in [turned, far] {
      try folder.folder.write(file, to: "train/n001/n001_0.JPEG")
      let images = try folder.spec("folder").open(split: .training, fit: .network(required: input))
      #expect(!images.isStreamed && images.count == 6)
    }
    try folder.folder.write(lying, to: "train/n001/n001_0.JPEG")
    #expect(try folder.spec("folder").open(split: .training, fit: .network(required: input)).isStreamed)
  }

  @Test func absurdSizesAreErrors() throws {
    let folder = try SamplePhotographs(perClass: 2, size: (50, 44))
    let header = bigEndian(0x7fff_ffff) + bigEndian(0x7fff_ffff) + [8, 2, 0, 0, 0]
    let magic: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    let png = magic + SamplePNG.chunk("IHDR", header)
    let path = try folder.folder.write(png, to: "train/n001/n001_0.JPEG")
    for fit in [ImageFit.network(), .network(required: input)] {
      let error = try expectError(.tooLarge) {
        try folder.spec("folder").open(split: .training, fit: fit)
      }
      #expect(error.path == path)
      let skipped = SkippedImages()
      #expect(try folder.spec("folder").open(split: .training, fit: fit, skipped: skipped).count == 5)
      #expect(skipped.count == 1)
    }
  }

  @Test func unreadableFilesAreSkippedInMemoryToo() throws {
    let folder = try SamplePhotographs(perClass: 3, size: (50, 44))
    for name in ["n001/n001_0", "n003/n003_1"] {
      try folder.folder.write([0xff, 0xd8, 0xff, 1], to: "train/\(name).JPEG")
    }
    #expect(throws: DataError.self) { try folder.spec("folder").open(split: .training) }
    let skipped = SkippedImages()
    for fit in [ImageFit.network(), .network(required: input), .layout(input)] {
      let images = try folder.spec("folder").open(split: .training, fit: fit, skipped: skipped)
      #expect(!images.isStreamed && images.count == 7 && skipped.count == 2)
      #expect((0..<7).map { images.label(at: $0) } == [0, 0, 1, 1, 1, 2, 2])
      let path = folder.path + "/train/n003/n003_2.JPEG"
      #expect(try images.image(at: 6) == ImageDecoder.decode(path: path).fitted(to: images.layout))
    }
  }
}

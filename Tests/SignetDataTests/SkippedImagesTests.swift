// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import Testing

/// Which failures are a file's own, and how such files are listed.
///
/// Oracle: the files that the test itself spoiled, and their names.
@Suite struct SkippedImagesTests {
  let photographs: SamplePhotographs

  init() throws { photographs = try SamplePhotographs() }

  private func images(_ split: Split, skipped: SkippedImages) throws -> StreamedImages {
    let layout = ImageLayout(height: 24, width: 24, channels: 3, resize: .centerCrop)
    let opened = try photographs.spec().open(split: split, fit: .layout(layout), skipped: skipped)
    return try #require(opened as? StreamedImages)
  }

  @Test func failuresOfAFileAreItsOwn() {
    for code: DataError.Code in [
      .notFound, .unreadable, .wrongFormat, .damaged, .truncated, .tooLarge, .empty,
    ] {
      #expect(DataError(code, "", path: "a.jpg").isOfFile)
      #expect(!DataError(code, "").isOfFile, "no file is named")
    }
    for code: DataError.Code in [.systemFailure, .changed, .invalidArgument] {
      #expect(!DataError(code, "", path: "a.jpg").isOfFile)
    }
  }

  #if os(Linux)
  /// A file that exists and can't be read for a reason of the system's: here, an error of input and output.
  @Test func failuresOfTheSystemAreNotSkipped() throws {
    for part in ["train", "val"] {
      try FileManager.default.createSymbolicLink(
        atPath: photographs.path + "/\(part)/n003/z.JPEG", withDestinationPath: "/proc/self/mem")
    }
    let skipped = SkippedImages()
    for split in Split.allCases {
      let isTraining = split == .training
      let images = try images(split, skipped: skipped)
      let preprocessing = Preprocessing(
        height: 24, width: 24, channels: 3, mean: [0.5, 0.5, 0.5], deviation: [1, 1, 1], resize: .centerCrop)
      let loader = try BatchLoader(
        images: images, preprocessing: preprocessing, batchSize: images.count, seed: 9, shuffled: isTraining,
        dropLast: false)
      let error = try expectError(.systemFailure) {
        try BatchLoaderTests.fill(loader, 0, loader.order(epoch: 0), workers: 2)
      }
      #expect(error.path?.hasSuffix("n003/z.JPEG") == true && !error.isOfFile)
    }
    #expect(skipped.count == 0)
  }
  #endif

  /// A name is on one line and has no tab, whatever characters it is of.
  @Test func theListTakesAnyName() throws {
    let path = try photographs.folder.write([1], to: "train/n001/a\tb\\x09\nc\u{7f}.JPEG")
    let skipped = SkippedImages()
    let images = try images(.training, skipped: skipped)
    for index in 0..<images.count { _ = try? images.image(at: index) }
    #expect(skipped.count == 1)
    let line = try #require(skipped.text.split(separator: "\n").first)
    #expect(skipped.text.split(separator: "\n").count == 1 && line.split(separator: "\t").count == 2)
    #expect(line.hasPrefix(photographs.path + #"/train/n001/a\x09b\\x09\x0ac\x7f.JPEG"# + "\t"))
    let again = SkippedImages(continuing: skipped.text)
    #expect(again.text == skipped.text)
    again.add(listed: skipped.text + "b.png\tis empty\n")
    #expect(again.count == 2 && again.text.contains(skipped.text))
    #expect(again.text.contains("b.png\tis empty\n"))
    // Found once more, it is the same file.
    let more = try self.images(.training, skipped: again)
    let place = try #require((0..<more.count).first { more.path(at: $0) == path })
    _ = try? more.image(at: place)
    #expect(again.count == 2)
  }
}

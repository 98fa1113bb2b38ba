// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import Testing

/// Oracle: the table of forms below, and the definition of the random streams, written out once more.
@Suite struct AugmentationTextTests {
  @Test(arguments: [
    ("none", 0, false, "none"), ("flip", 0, true, "flip"), ("crop", 4, false, "crop"),
    ("crop-flip", 4, true, "crop-flip"), ("crop:4", 4, false, "crop"), ("crop:2", 2, false, "crop:2"),
    ("crop-flip:65500", 65500, true, "crop-flip:65500"),
  ])
  func eachFormIsReadAndWritten(text: String, padding: Int, flip: Bool, written: String) throws {
    let augmentation = try Augmentation(parsing: text)
    #expect(augmentation == Augmentation(padding: padding, flip: flip))
    #expect(augmentation.description == written)
    #expect(try Augmentation(parsing: written) == augmentation)
  }

  @Test(arguments: [("resized-crop", false), ("resized-crop-flip", true)])
  func resizedCropsAreReadAndWritten(text: String, flip: Bool) throws {
    let augmentation = try Augmentation(parsing: text)
    #expect(augmentation == Augmentation(crop: .resized, flip: flip))
    #expect(augmentation.description == text)
    #expect(augmentation.crop != .none)
  }

  @Test(arguments: [
    "", "all", "resized", "resized-crop:4", "resized-flip", "Crop", "crop:", "crop:0", "crop:-1", "crop:x",
    "crop:1:2", "crop:65501", "none:1", "flip:2",
    "flip-crop", " crop", "crop-flip:99999999999999999999",
  ])
  func otherTextIsRefused(text: String) throws {
    let error = try expectError(.invalidSpecification) { try Augmentation(parsing: text) }
    #expect(error.message.contains("`\(text)`") && error.message.contains("crop-flip"))
  }

  @Test func picturesAreChangedUnlessToldOtherwise() throws {
    func usual(_ spec: String, _ height: Int, _ width: Int) throws -> String {
      try DataSpec(parsing: spec).usualAugmentation(
        of: ImageLayout(height: height, width: width, channels: 3)
      ).description
    }
    #expect(try usual("cifar10:a", 32, 32) == "crop-flip")
    #expect(try usual("cifar100:a", 32, 32) == "crop-flip")
    #expect(try usual("folder:a", 224, 224) == "crop-flip")
    #expect(try usual("folder:a", 40, 15) == "crop-flip:3")
    #expect(try usual("folder:a", 3, 15) == "flip")
    #expect(try usual("idx:a", 28, 28) == "none")
    let photographs = ImageLayout(height: 224, width: 224, channels: 3, resize: .centerCrop)
    for spec in ["folder:a", "imagenet:a"] {
      #expect(
        try DataSpec(parsing: spec).usualAugmentation(of: photographs).description == "resized-crop-flip")
    }
    #expect(try usual("fashion-mnist", 28, 28) == "none")
  }

  /// A stored run is repeated by later versions only if this never changes.
  @Test(arguments: [1, 3], [UInt64(1), 99])
  func batchesFollowFromSeedEpochAndImage(channels: Int, seed: UInt64) throws {
    let padding = 2
    let loader = try BatchLoaderTests.loader(
      channels: channels, seed: seed, augmentation: Augmentation(padding: padding, flip: true))
    let (height, width) = (loader.images.height, loader.images.width)
    for epoch in [0, 7] {
      var stream = SplitMix64(seed: seed, stream: 0x6175_676d_656e_7400)
      var inEpoch = SplitMix64(seed: stream.next(), stream: UInt64(epoch))
      let epochSeed = inEpoch.next()
      let order = loader.order(epoch: epoch)
      let (inputs, _) = try BatchLoaderTests.fill(loader, 1, order, epoch: epoch)
      for place in 0..<8 {
        let index = order[8 + place]
        var random = SplitMix64(seed: epochSeed, stream: UInt64(index))
        let isFlipped = random.next() >> 63 == 1
        let top = random.index(below: 2 * padding + 1) - padding
        let left = random.index(below: 2 * padding + 1) - padding
        let image = try loader.images.image(at: index)
        for y in 0..<height {
          for x in 0..<width {
            let (row, column) = (y + top, (isFlipped ? width - 1 - x : x) + left)
            let isInside = (0..<height).contains(row) && (0..<width).contains(column)
            for c in 0..<channels {
              let byte = isInside ? image.pixels[(row * width + column) * channels + c] : 0
              let expected =
                (Float(byte) / 255 - loader.preprocessing.mean[c]) / loader.preprocessing.deviation[c]
              let at = place * loader.inputCount + (y * width + x) * channels + c
              #expect(inputs[at].bitPattern == expected.bitPattern)
            }
          }
        }
      }
    }
  }
}

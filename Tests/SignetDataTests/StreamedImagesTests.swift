// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData
import Testing

/// Oracle: each image read by itself, and the batches of one thread.
@Suite struct StreamedImagesTests {
  let photographs: SamplePhotographs
  static let layout = ImageLayout(height: 24, width: 24, channels: 3, resize: .centerCrop)

  init() throws { photographs = try SamplePhotographs() }

  private func images(_ split: Split = .training, skipped: SkippedImages? = nil) throws -> StreamedImages {
    let opened = try photographs.spec().open(split: split, fit: .layout(Self.layout), skipped: skipped)
    return try #require(opened as? StreamedImages)
  }

  private func loader(
    _ images: any ImageSource, shuffled: Bool = true, batchSize: Int = 4,
    augmentation: Augmentation = Augmentation(crop: .resized, flip: true)
  ) throws -> BatchLoader {
    let preprocessing = Preprocessing(
      height: 24, width: 24, channels: 3, mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.3, 0.7],
      resize: .centerCrop)
    return try BatchLoader(
      images: images, preprocessing: preprocessing, batchSize: batchSize, seed: 9, shuffled: shuffled,
      dropLast: false, augmentation: augmentation)
  }

  private func spoil(_ part: String, _ label: Int, _ number: Int) throws -> String {
    let name = SamplePhotographs.classes[label]
    return try photographs.folder.write(
      Array("no picture".utf8), to: "\(part)/\(name)/\(name)_\(number).JPEG")
  }

  @Test func evaluationTakesTheCenters() throws {
    let images = try images(.test)
    #expect(images.count == 6 && images.isStreamed && images.layout == Self.layout)
    let loader = try loader(images, shuffled: false, augmentation: Augmentation())
    for batch in 0..<2 {
      let (inputs, labels) = try BatchLoaderTests.fill(loader, batch, loader.order(epoch: 0), workers: 3)
      for (place, label) in labels.enumerated() {
        let index = batch * 4 + place
        #expect(label == Int32(index / 2))
        let image = try ImageDecoder.decode(path: images.path(at: index), as: Self.layout)
        #expect(try images.image(at: index) == image)
        let size = loader.inputCount
        let mean: [Float] = [0.5, 0.4, 0.3]
        let deviation: [Float] = [0.2, 0.3, 0.7]
        for (k, byte) in image.pixels.enumerated() {
          let expected = (Float(byte) / 255 - mean[k % 3]) / deviation[k % 3]
          #expect(inputs[place * size + k].bitPattern == expected.bitPattern)
        }
      }
    }
  }

  /// By the definition of the random streams, written out once more.
  @Test func trainingTakesPartsOfSeedEpochAndImage() throws {
    let images = try images()
    let loader = try loader(images)
    let order = loader.order(epoch: 2)
    let (inputs, _) = try BatchLoaderTests.fill(loader, 1, order, epoch: 2)
    var stream = SplitMix64(seed: 9, stream: 0x6175_676d_656e_7400)
    var inEpoch = SplitMix64(seed: stream.next(), stream: 2)
    let epochSeed = inEpoch.next()
    let table = loader.preprocessing.table()
    for place in 0..<4 {
      let index = order[4 + place]
      var random = SplitMix64(seed: epochSeed, stream: UInt64(index))
      let isFlipped = random.next() >> 63 == 1
      _ = random.index(below: 1)
      _ = random.index(below: 1)
      let whole = try ImageDecoder.decode(path: images.path(at: index))
      let region = ResizedCrop(random: random).region(height: whole.height, width: whole.width)
      // Pictures of less than 48 pixels have no part that is shrunk by half beforehand.
      guard region.height < 48 || region.width < 48 else { continue }
      let part = try whole.cropped(
        top: region.top, left: region.left, height: region.height, width: region.width
      ).resized(height: 24, width: 24)
      for y in 0..<24 {
        for x in 0..<24 {
          for c in 0..<3 {
            let byte = part.pixels[(y * 24 + (isFlipped ? 23 - x : x)) * 3 + c]
            #expect(inputs[(place * 576 + y * 24 + x) * 3 + c] == table[c * 256 + Int(byte)])
          }
        }
      }
    }
  }

  @Test(arguments: [2, 5])
  func threadsChangeNoBit(workers: Int) throws {
    let loader = try loader(images())
    for epoch in 0..<2 {
      let order = loader.order(epoch: epoch)
      let prefetcher = BatchPrefetcher(loader: loader, epoch: epoch, workers: workers, ahead: 3)
      var batch = 0
      while let next = try prefetcher.next() {
        let (inputs, labels) = try BatchLoaderTests.fill(loader, batch, order, epoch: epoch)
        #expect(Array(next.inputs) == inputs && next.labels == labels)
        batch += 1
      }
      #expect(batch == 5)
      #expect(prefetcher.work.images == 18 && prefetcher.work.time > .zero)
    }
  }

  @Test func aFileThatCanNotBeReadIsNamed() throws {
    let bad = try spoil("train", 1, 2)
    let loader = try loader(images())
    let order = loader.order(epoch: 0)
    let prefetcher = BatchPrefetcher(loader: loader, epoch: 0, workers: 3, ahead: 2)
    let error = try expectError(.wrongFormat) { while try prefetcher.next() != nil {} }
    #expect(error.path == bad)
    #expect(try prefetcher.next() == nil, "the epoch is over")
    let place = try #require(order.firstIndex(of: 8))
    try expectError(.wrongFormat) { try BatchLoaderTests.fill(loader, place / 4, order) }
  }

  @Test func trainingPutsTheNextOfTheEpochInItsPlace() throws {
    let bad = [try spoil("train", 1, 2), try spoil("train", 0, 0)]
    let skipped = SkippedImages()
    let images = try images(skipped: skipped)
    let loader = try loader(images)
    let order = loader.order(epoch: 1)
    for batch in 0..<5 {
      let (inputs, labels) = try BatchLoaderTests.fill(loader, batch, order, epoch: 1, workers: 2)
      #expect(labels.count == (batch < 4 ? 4 : 2))
      for place in labels.indices {
        var at = batch * 4 + place
        while [0, 8].contains(order[at % 18]) { at += 1 }
        #expect(labels[place] == Int32(order[at % 18] / 6))
        // The image that stands in looks as it does in its own place.
        let own = try BatchLoaderTests.fill(
          self.loader(images, batchSize: 1), 0, [order[at % 18]], epoch: 1)
        #expect(Array(inputs[place * 1728..<(place + 1) * 1728]) == own.0)
      }
    }
    #expect(skipped.count == 2)
    #expect(skipped.text.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) } == bad.sorted())
    #expect(skipped.text.contains("neither JPEG nor PNG"))
    #expect(SkippedImages(continuing: skipped.text).text == skipped.text)
  }

  @Test func evaluationLeavesThemOut() throws {
    _ = try spoil("val", 1, 0)
    let skipped = SkippedImages()
    let loader = try loader(
      images(.test, skipped: skipped), shuffled: false, augmentation: Augmentation())
    let order = loader.order(epoch: 0)
    #expect(try BatchLoaderTests.fill(loader, 0, order, workers: 2).1 == [0, 0, 1])
    let good = try loader.images.image(at: 3).pixels
    let inputs = try BatchLoaderTests.fill(loader, 0, order).0
    let table = loader.preprocessing.table()
    #expect(Array(inputs[3456...]) == good.enumerated().map { table[$0 % 3 * 256 + Int($1)] })
    #expect(try BatchLoaderTests.fill(loader, 1, order).1 == [2, 2])
    #expect(skipped.count == 1)
  }

  @Test func nothingReadableIsAnError() throws {
    for label in 0..<3 { for number in 0..<6 { _ = try spoil("train", label, number) } }
    let loader = try loader(images(skipped: SkippedImages()))
    let error = try expectError(.empty) {
      try BatchLoaderTests.fill(loader, 0, loader.order(epoch: 0))
    }
    #expect(error.message.contains("18 images in a row"))
  }

  @Test func partsKeepTheirFiles() throws {
    let images = try images()
    let (training, held) = try images.heldOut(count: 5, seed: 3)
    let memory = try LabelledImages(
      name: "memory", height: 1, width: 1, channels: 1, pixels: (0..<18).map { UInt8($0) },
      labels: (0..<18).map { $0 / 6 }, classNames: SamplePhotographs.classes)
    let (first, second) = try memory.heldOut(count: 5, seed: 3)
    #expect(held.count == 5 && training.count == 13)
    for (part, same) in [(training, first), (held, second)] {
      for place in 0..<part.count {
        #expect(part.label(at: place) == same.label(at: place))
        #expect(part.path(at: place) == images.path(at: Int(same.pixels[place])))
      }
    }
    #expect(held.digest == images.digest)
  }

  @Test func statisticsAreThoseOfTheImages() throws {
    let streamed = try #require(
      try photographs.spec("folder").open(split: .training, fit: .layout(Self.layout)) as? StreamedImages)
    let pixels = try (0..<18).flatMap { try streamed.image(at: $0).pixels }
    let memory = try LabelledImages(
      name: "memory", height: 24, width: 24, channels: 3, pixels: pixels,
      labels: [Int](repeating: 0, count: 18), classNames: ["a"])
    let (mean, deviation) = try streamed.channelStatistics()
    #expect(mean == memory.channelStatistics().mean)
    #expect(deviation == memory.channelStatistics().deviation)
    // ImageNet's own are known.
    #expect(try images().channelStatistics().mean == [0.485, 0.456, 0.406])
    _ = try spoil("train", 2, 2)
    try expectError(.changed) { try streamed.channelStatistics() }
    func open(_ skipped: SkippedImages?) throws -> any ImageSource {
      try photographs.spec("folder").open(split: .training, fit: .layout(Self.layout), skipped: skipped)
    }
    try expectError(.wrongFormat) { try open(nil).channelStatistics() }
    #expect(try open(SkippedImages()).channelStatistics().mean != mean)
    for label in 0..<3 { for number in 0..<6 { _ = try spoil("train", label, number) } }
    try expectError(.empty) { try open(SkippedImages()).channelStatistics() }
  }
}

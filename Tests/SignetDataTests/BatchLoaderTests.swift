// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import Testing

@Suite struct BatchLoaderTests {
  static func images(count: Int = 23, channels: Int = 3) throws -> LabelledImages {
    try LabelledImages(
      name: "sample", height: 5, width: 4, channels: channels,
      pixels: randomBytes(count * 20 * channels, seed: 51), labels: (0..<count).map { $0 % 6 },
      classNames: (0..<6).map(String.init))
  }

  static func loader(
    count: Int = 23, channels: Int = 3, batchSize: Int = 8, seed: UInt64 = 1, shuffled: Bool = true,
    dropLast: Bool = false, augmentation: Augmentation = Augmentation()
  ) throws -> BatchLoader {
    let preprocessing = Preprocessing(
      height: 5, width: 4, channels: channels, mean: Array([0.5, 0.4, 0.3][..<channels]),
      deviation: Array([0.2, 0.3, 0.7][..<channels]))
    return try BatchLoader(
      images: images(count: count, channels: channels), preprocessing: preprocessing, batchSize: batchSize,
      seed: seed, shuffled: shuffled, dropLast: dropLast, augmentation: augmentation)
  }

  /// One batch as arrays, in buffers that hold a value no image can have.
  static func fill(
    _ loader: BatchLoader, _ batch: Int, _ order: [Int], epoch: Int = 0, workers: Int = 1
  ) throws -> ([Float], [Int32]) {
    var inputs = [Float](repeating: -99, count: loader.batchSize * loader.inputCount)
    var labels = [Int32](repeating: -99, count: loader.batchSize)
    let count = try loader.fill(
      batch: batch, of: order, epoch: epoch, workers: workers, inputs: &inputs, labels: &labels)
    // The places of images that are left out may have been written.
    let places = min(loader.batchSize, order.count - batch * loader.batchSize)
    #expect(
      inputs[(places * loader.inputCount)...].allSatisfy { $0 == -99 }, "nothing is written past the end")
    return (Array(inputs[..<(count * loader.inputCount)]), Array(labels[..<count]))
  }

  /// Oracle: the formula of `Preprocessing`, bit for bit.
  @Test(arguments: [1, 3], [true, false])
  func inputsAreTheFormula(channels: Int, shuffled: Bool) throws {
    let loader = try Self.loader(channels: channels, shuffled: shuffled)
    let images = try Self.images(channels: channels)
    let order = loader.order(epoch: 3)
    var seen: [Int] = []
    for batch in 0..<loader.batchesPerEpoch {
      let (inputs, labels) = try Self.fill(loader, batch, order, epoch: 3)
      for place in labels.indices {
        let index = order[batch * 8 + place]
        seen.append(index)
        #expect(labels[place] == Int32(images.labels[index]))
        for k in 0..<loader.inputCount {
          let byte = images.pixels[index * loader.inputCount + k]
          let c = k % channels
          let expected =
            (Float(byte) / 255 - loader.preprocessing.mean[c]) / loader.preprocessing.deviation[c]
          #expect(inputs[place * loader.inputCount + k].bitPattern == expected.bitPattern)
        }
      }
    }
    #expect(seen.sorted() == Array(0..<23))
  }

  @Test func ordersArePermutationsOfSeedAndEpoch() throws {
    let loader = try Self.loader(count: 100)
    let first = loader.order(epoch: 0)
    #expect(first.sorted() == Array(0..<100))
    #expect(first == (try Self.loader(count: 100).order(epoch: 0)))
    #expect(first == (try Self.loader(count: 100, batchSize: 3, dropLast: true).order(epoch: 0)))
    let others =
      try (1...20).map { loader.order(epoch: $0) } + [Self.loader(count: 100, seed: 2).order(epoch: 0)]
    #expect(Set(others + [first]).count == 22)
    #expect(try Self.loader(shuffled: false).order(epoch: 9) == Array(0..<23))
  }

  @Test(arguments: [
    (23, 8, false, 3), (23, 8, true, 2), (24, 8, false, 3), (24, 8, true, 3), (5, 8, false, 1),
  ])
  func batchesPerEpoch(count: Int, size: Int, dropLast: Bool, expected: Int) throws {
    let loader = try Self.loader(count: count, batchSize: size, dropLast: dropLast)
    #expect(loader.batchesPerEpoch == expected)
    let last = try Self.fill(loader, expected - 1, loader.order(epoch: 0)).1.count
    #expect(last == (dropLast || count.isMultiple(of: size) ? size : count % size))
  }

  @Test func wrongArgumentsAreRefused() throws {
    try expectError(.invalidArgument) { try Self.loader(batchSize: 0) }
    try expectError(.invalidArgument) { try Self.loader(batchSize: -4) }
    try expectError(.invalidArgument) { try Self.loader(count: 5, batchSize: 8, dropLast: true) }
    try expectError(.invalidArgument) { try Self.loader(augmentation: Augmentation(padding: -1)) }
    try expectError(.empty) { try Self.loader(count: 0) }
    let images = try Self.images(channels: 1)
    let wrong: [Preprocessing] = [
      Preprocessing(height: 4, width: 4, channels: 1, mean: [0], deviation: [1]),
      Preprocessing(height: 5, width: 4, channels: 3, mean: [0, 0, 0], deviation: [1, 1, 1]),
      Preprocessing(height: 5, width: 4, channels: 1, mean: [], deviation: [1]),
      Preprocessing(height: 5, width: 4, channels: 1, mean: [0], deviation: [0]),
      Preprocessing(height: 5, width: 4, channels: 1, mean: [.nan], deviation: [1]),
    ]
    for preprocessing in wrong {
      try expectError(.invalidArgument) {
        try BatchLoader(
          images: images, preprocessing: preprocessing, batchSize: 2, seed: 0, shuffled: false,
          dropLast: false)
      }
    }
  }

  /// Oracle: the whole batch, cut where the parts meet.
  ///
  /// The last batch has fewer images.
  @Test(arguments: [1, 2, 3, 5])
  func partsMakeUpTheBatch(parts: Int) throws {
    let whole = try Self.loader()
    let order = whole.order(epoch: 2)
    for batch in 0..<whole.batchesPerEpoch {
      let (inputs, labels) = try Self.fill(whole, batch, order, epoch: 2)
      var (joined, theirs) = ([Float](), [Int32]())
      for part in 0..<parts {
        let loader = try BatchLoader(
          images: whole.images, preprocessing: whole.preprocessing, batchSize: 8, seed: 1, shuffled: true,
          dropLast: false, part: BatchPart(own: part..<part + 1, pieces: parts))
        #expect(loader.batchesPerEpoch == whole.batchesPerEpoch && loader.order(epoch: 2) == order)
        let own = try Self.fill(loader, batch, order, epoch: 2)
        joined += own.0
        theirs += own.1
        let prefetcher = BatchPrefetcher(loader: loader, epoch: 2, firstBatch: batch)
        let made = try #require(try prefetcher.next())
        #expect(made.labels == own.1 && Array(made.inputs) == own.0)
      }
      #expect(joined == inputs && theirs == labels)
    }
  }
}

@Suite struct AugmentationTests {
  /// Oracle: the definition of a padded crop and a mirror image, pixel by pixel.
  @Test(arguments: [(0, 0), (-2, 1), (2, -1), (-5, 0), (0, 4), (-9, 9), (3, 3)], [1, 3])
  func cropAndFlipAreTheirDefinitions(place: (Int, Int), channels: Int) {
    let (height, width) = (5, 4)
    let input = randomBytes(height * width * channels, seed: 61)
    var output = [UInt8](repeating: 9, count: input.count)
    let crop = RandomCrop(top: place.0, left: place.1)
    input.withUnsafeBufferPointer { input in
      output.withUnsafeMutableBufferPointer {
        crop.apply(input, into: $0, height: height, width: width, channels: channels)
      }
    }
    var flipped = output
    flipped.withUnsafeMutableBufferPointer {
      HorizontalFlip.apply($0, height: height, width: width, channels: channels)
    }
    for y in 0..<height {
      for x in 0..<width {
        let (row, column) = (y + place.0, x + place.1)
        let inside = (0..<height).contains(row) && (0..<width).contains(column)
        for c in 0..<channels {
          let expected = inside ? input[(row * width + column) * channels + c] : 0
          #expect(output[(y * width + x) * channels + c] == expected)
          #expect(flipped[(y * width + width - 1 - x) * channels + c] == expected)
        }
      }
    }
  }

  @Test func choicesAreEvenlySpread() {
    let augmentation = Augmentation(padding: 2, flip: true)
    var places: [[Int]: Int] = [:]
    var flips = 0
    for index in 0..<10_000 {
      let choice = augmentation.choice(epochSeed: 7, index: index)
      places[[choice.crop.top, choice.crop.left], default: 0] += 1
      flips += choice.isFlipped ? 1 : 0
    }
    #expect(places.count == 25)
    #expect(places.keys.allSatisfy { $0.allSatisfy((-2...2).contains) })
    // 400 and 5,000 expected; five standard deviations are 98 and 250.
    #expect(places.values.allSatisfy { abs($0 - 400) < 98 })
    #expect(abs(flips - 5_000) < 250)
  }

  @Test func switchingOneChangeOnKeepsTheOther() {
    for index in 0..<50 {
      let both = Augmentation(padding: 3, flip: true).choice(epochSeed: 1, index: index)
      #expect(Augmentation(padding: 3).choice(epochSeed: 1, index: index).crop == both.crop)
      #expect(Augmentation(flip: true).choice(epochSeed: 1, index: index).isFlipped == both.isFlipped)
      #expect(!Augmentation(padding: 3).choice(epochSeed: 1, index: index).isFlipped)
    }
  }

  @Test func resultDependsOnEpochAndImageOnly() throws {
    let loader = try BatchLoaderTests.loader(augmentation: Augmentation(padding: 2, flip: true))
    let size = loader.inputCount
    func byImage(_ order: [Int], epoch: Int) throws -> [Int: [Float]] {
      var result: [Int: [Float]] = [:]
      for batch in 0..<loader.batchesPerEpoch {
        let (inputs, labels) = try BatchLoaderTests.fill(loader, batch, order, epoch: epoch)
        for place in labels.indices {
          result[order[batch * 8 + place]] = Array(inputs[place * size..<(place + 1) * size])
        }
      }
      return result
    }
    let forward = try byImage(Array(0..<23), epoch: 4)
    #expect(try forward == byImage((0..<23).reversed(), epoch: 4), "neither order nor batch matter")
    #expect(try forward != byImage(Array(0..<23), epoch: 5))
    let plain = try BatchLoaderTests.loader()
    let unchanged = try BatchLoaderTests.fill(plain, 0, Array(0..<23)).0
    #expect((0..<8).contains { forward[$0] != Array(unchanged[$0 * size..<($0 + 1) * size]) })
  }
}

// SPDX-License-Identifier: Apache-2.0

import SignetData
import Testing

@Suite struct LabelledImagesTests {
  private func sample(count: Int = 50, channels: Int = 3, seed: UInt64 = 41) throws -> LabelledImages {
    try LabelledImages(
      name: "sample", height: 2, width: 3, channels: channels,
      pixels: randomBytes(count * 6 * channels, seed: seed), labels: (0..<count).map { $0 % 7 },
      classNames: (0..<7).map { "c\($0)" })
  }

  @Test func partsMustAgree() throws {
    func make(_ bytes: Int, labels: [Int], classes: Int = 2, channels: Int = 1) throws {
      _ = try LabelledImages(
        name: "set", height: 1, width: 2, channels: channels, pixels: [UInt8](repeating: 0, count: bytes),
        labels: labels, classNames: (0..<classes).map(String.init), path: "labels.bin")
    }
    try make(4, labels: [0, 1])
    try expectError(.countMismatch) { try make(5, labels: [0, 1]) }
    try expectError(.countMismatch) { try make(4, labels: [0]) }
    try expectError(.invalidArgument) { try make(8, labels: [0, 1], channels: 2) }
    for label in [2, -1] {
      let error = try expectError(.labelOutOfRange) { try make(4, labels: [0, label]) }
      #expect(error.description.contains("labels.bin: label \(label) of image 1"))
    }
    try expectError(.labelOutOfRange) { try make(2, labels: [0], classes: 0) }
  }

  @Test func subsetCopiesImagesAndLabels() throws {
    let whole = try sample()
    let part = whole.subset([4, 49, 4])
    #expect(part.labels == [4, 0, 4])
    #expect(part.image(at: 0) == whole.image(at: 4) && part.image(at: 2) == whole.image(at: 4))
    #expect(part.image(at: 1) == whole.image(at: 49))
    #expect(whole.subset([]).count == 0)
  }

  /// Oracle: the two-pass definition in Double.
  @Test(arguments: [1, 3])
  func statisticsAreTheDefinition(channels: Int) throws {
    let images = try sample(channels: channels)
    let (mean, deviation) = images.channelStatistics()
    for c in 0..<channels {
      let values = stride(from: c, to: images.pixels.count, by: channels).map {
        Double(images.pixels[$0]) / 255
      }
      let exactMean = values.reduce(0, +) / Double(values.count)
      let variance = values.map { ($0 - exactMean) * ($0 - exactMean) }.reduce(0, +) / Double(values.count)
      #expect(abs(Double(mean[c]) - exactMean) < 1e-7)
      #expect(abs(Double(deviation[c]) - variance.squareRoot()) < 1e-7)
    }
    let reversed = images.subset((0..<images.count).reversed())
    #expect(reversed.channelStatistics() == (mean, deviation), "exact sums do not depend on the order")
  }

  @Test func constantChannelHasDeviationOne() throws {
    let flat = try LabelledImages(
      name: "flat", height: 1, width: 2, channels: 1, pixels: [51, 51], labels: [0], classNames: ["a"])
    #expect(flat.channelStatistics() == ([0.2], [1]))
    #expect(flat.subset([]).channelStatistics() == ([0], [1]))
  }

  @Test func heldOutSplitsWithoutLossOrOverlap() throws {
    // The pixels number the images, so that each can be told apart.
    let whole = try LabelledImages(
      name: "numbered", height: 1, width: 1, channels: 1, pixels: (0..<200).map { UInt8($0) },
      labels: (0..<200).map { $0 % 3 }, classNames: ["a", "b", "c"])
    let (training, validation) = try whole.heldOut(count: 60, seed: 5)
    #expect(training.count == 140 && validation.count == 60)
    #expect((training.pixels + validation.pixels).sorted() == whole.pixels)
    for part in [training, validation] {
      #expect(part.pixels == part.pixels.sorted(), "the order is kept")
      #expect(part.labels == part.pixels.map { Int($0) % 3 })
    }
    #expect(try whole.heldOut(count: 60, seed: 5).validation.pixels == validation.pixels)
    #expect(try whole.heldOut(count: 60, seed: 6).validation.pixels != validation.pixels)
    #expect(try whole.heldOut(count: 0, seed: 5).training.pixels == whole.pixels)
    #expect(try whole.heldOut(count: 199, seed: 5).training.count == 1)
    for count in [-1, 200, 201, Int.max, Int.min] {
      try expectError(.invalidArgument) { try whole.heldOut(count: count, seed: 5) }
    }
  }

  /// Oracle: ten images of 100×100×3, which take 300,000 bytes.
  @Test func memoryIsSharedAmongProcesses() throws {
    let layout = ImageLayout(height: 100, width: 100, channels: 3)
    try layout.checkMemory(images: 10, path: nil, memory: DataMemory.share(of: 900_000, among: 3))
    let error = try expectError(.tooLarge) {
      try layout.checkMemory(images: 10, path: nil, memory: DataMemory.share(of: 900_000, among: 4))
    }
    #expect(error.message.contains("for each process") && error.message.contains("start fewer"))
  }

  @Test func hugeResultsAreRefused() throws {
    let images = try sample(count: 20_000, channels: 1)
    try expectError(.tooLarge) {
      try images.fitted(to: ImageLayout(height: 10_000, width: 10_000, channels: 3))
    }
  }
}

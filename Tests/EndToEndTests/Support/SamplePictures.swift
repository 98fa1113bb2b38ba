// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Colour pictures of ten classes, in the order of their classes: each class has a random pattern of blocks, left unlike right.
struct SamplePictures {
  let height: Int
  let width: Int
  let training: [[UInt8]]
  let test: [[UInt8]]
  static let classes = 10

  /// 12 training and 4 test pictures a class, of CIFAR's size.
  static let small = SamplePictures(height: 32, width: 32, training: 12, test: 4, seed: 11)

  init(height: Int, width: Int, training: Int, test: Int, seed: UInt64) {
    (self.height, self.width) = (height, width)
    var random = SplitMix64(seed: seed)
    let patterns = (0..<Self.classes).map { _ in (0..<48).map { _ in random.index(below: 2) * 160 } }
    func pictures(_ count: Int) -> [[UInt8]] {
      (0..<Self.classes * count).map { index in
        (0..<height * width * 3).map { at in
          let (y, x) = (at / 3 / width * 4 / height, at / 3 % width * 4 / width)
          return UInt8(patterns[index / count][(y * 4 + x) * 3 + at % 3] + random.index(below: 96))
        }
      }
    }
    self.training = pictures(training)
    self.test = pictures(test)
  }

  private static func parts(_ count: Int, _ pieces: Int) -> [Range<Int>] {
    (0..<pieces).map { $0 * count / pieces..<($0 + 1) * count / pieces }
  }

  /// Records of the binary versions: labels, then one colour plane after another.
  private static func records(_ pictures: [[UInt8]], _ range: Range<Int>, label: (UInt8) -> [UInt8])
    -> [UInt8]
  {
    range.flatMap { index in
      let pixels = pictures[index]
      let planes = (0..<3).flatMap { channel in
        stride(from: channel, to: pixels.count, by: 3).map { pixels[$0] }
      }
      return label(UInt8(index * classes / pictures.count)) + planes
    }
  }

  func writeCIFAR10(to folder: String) throws {
    for (number, range) in Self.parts(training.count, 5).enumerated() {
      try Workspace.write(
        Self.records(training, range) { [$0] }, to: "\(folder)/data_batch_\(number + 1).bin")
    }
    try Workspace.write(Self.records(test, 0..<test.count) { [$0] }, to: folder + "/test_batch.bin")
  }

  /// The coarse label, which is not used, and then the fine one.
  func writeCIFAR100(to folder: String) throws {
    for (name, pictures) in [("train", training), ("test", test)] {
      try Workspace.write(
        Self.records(pictures, 0..<pictures.count) { [19 - $0, $0 * 10 + 9] }, to: "\(folder)/\(name).bin")
    }
  }

  /// PNG files, which lose nothing, or JPEG files: `train/CLASS/NUMBER.png`.
  func writeFolder(to folder: String, test testName: String = "test", jpeg: Bool = false) throws {
    for (name, pictures) in [("train", training), (testName, test)] {
      for (index, pixels) in pictures.enumerated() {
        let file =
          jpeg
          ? try SampleImage.jpeg(pixels, width: width, height: height, channels: 3)
          : try SampleImage.png(pixels, width: width, height: height, channels: 3)
        let path = "\(folder)/\(name)/\(index * Self.classes / pictures.count)/\(1000 + index)"
        try Workspace.write(file, to: path + (jpeg ? ".jpg" : ".png"))
      }
    }
  }

  /// Two binary layers, of which a width of ½ leaves 16 and 32 filters.
  static let network = """
    name: small
    layers:
      - {type: convolution, name: conv1, filters: 32, kernel: 5, stride: 2, padding: 2}
      - {type: convolution, name: conv2, filters: 64, kernel: 3, stride: 2, padding: 1}
      - {type: max_pool, kernel: 3, stride: 2}
      - {type: convolution, name: conv3, kernel: 3, padding: 1}
      - {type: average_pool}

    """
}

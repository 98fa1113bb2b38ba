// SPDX-License-Identifier: Apache-2.0

import CZlib
import Signet
import Testing

/// A data set that is easy to learn: each class is a random pattern of blocks, each image the pattern with noise.
struct SampleData {
  static let side = 12

  let classes: Int
  let training: Int
  let test: Int
  let images: [[UInt8]]
  let labels: [UInt8]

  static let small = SampleData(classes: 5, training: 240, test: 60, seed: 1)

  init(classes: Int, training: Int, test: Int, seed: UInt64) {
    (self.classes, self.training, self.test) = (classes, training, test)
    var random = SplitMix64(seed: seed)
    let patterns = (0..<classes).map { _ in (0..<36).map { _ in random.index(below: 2) * 160 } }
    labels = (0..<training + test).map { UInt8($0 % classes) }
    images = labels.map { label in
      (0..<Self.side * Self.side).map { pixel in
        let block = pixel / Self.side / 2 * 6 + pixel % Self.side / 2
        return UInt8(patterns[Int(label)][block] + random.index(below: 96))
      }
    }
  }

  /// The images and labels of the test part.
  var testImages: [(pixels: [UInt8], label: Int)] {
    (training..<training + test).map { (images[$0], Int(labels[$0])) }
  }

  /// Writes the four IDX files.
  func write(to folder: String, gzip: Bool = false) throws {
    for (prefix, range) in [("train", 0..<training), ("t10k", training..<training + test)] {
      let files = [
        ("images-idx3", IDXFile.bytes([range.count, Self.side, Self.side], images[range].flatMap { $0 })),
        ("labels-idx1", IDXFile.bytes([range.count], Array(labels[range]))),
      ]
      for (name, bytes) in files {
        let path = "\(folder)/\(prefix)-\(name)-ubyte"
        if gzip {
          try Workspace.write(IDXFile.gzip(bytes), to: path + ".gz")
        } else {
          try Workspace.write(bytes, to: path)
        }
      }
    }
  }

  /// Two binary layers, a pool between them, a number of channels that fills no word, names in both cases.
  static let network = """
    name: tiny
    layers:
      - {type: convolution, name: conv1, filters: 16, kernel: 3, stride: 2, padding: 1}
      - {type: convolution, name: convB, filters: 40, kernel: 3, padding: 1}
      - {type: max_pool, kernel: 3, stride: 2}
      - {type: convolution, name: conv_3, kernel: 1}
      - {type: average_pool}

    """
}

/// IDX files, byte by byte.
enum IDXFile {
  static func bytes(_ dimensions: [Int], _ content: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(dimensions.count)]
      + dimensions.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } } + content
  }

  static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    // 31: the largest window, with gzip's header.
    let started = deflateInit2_(
      &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    try #require(started == Z_OK)
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(bytes.count))) + 32)
    let capacity = output.count
    let result = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        (stream.next_in, stream.avail_in) = (source.baseAddress, uInt(source.count))
        (stream.next_out, stream.avail_out) = (target.baseAddress, uInt(target.count))
        return deflate(&stream, Z_FINISH)
      }
    }
    try #require(result == Z_STREAM_END)
    return Array(output.prefix(capacity - Int(stream.avail_out)))
  }
}

// SPDX-License-Identifier: Apache-2.0

import CZlib
import Foundation
import Signet
import SignetData
import SignetTraining

/// Whole files that mutations start from.
extension FuzzParser {
  /// - Throws: where a sample can't be made, which is a fault of the program.
  func samples(in place: FuzzPlace) throws -> [[UInt8]] {
    switch self {
    case .safetensors, .checkpoint:
      return try [Method.tang, .xnor].map { try Checkpoint(Self.trainer($0)).encoded() }
    case .compactModel:
      var bytes = Method.tang
      bytes.firstLayer = .int8
      bytes.binarizations = 2
      return try [Method.tang, bytes, .xnor].map { try Self.trainer($0).compactModel() }
        + (Method.all + [bytes]).map {
          try Self.trainer($0, Self.everyLayer, side: 12).compactModel()
        }
    case .idx:
      let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6] + Self.noise(120)
      return [images, [0, 0, 8, 1, 0, 0, 0, 9] + Self.noise(9), try Self.gzip(images)]
    case .cifar:
      return [(0..<3).flatMap { [UInt8($0)] + Self.noise(3072) }]
    case .jpeg:
      return try jpegSamples()
    case .png:
      return try pngSamples()
    case .imageIndex:
      return [try Self.index(in: place)]
    case .network:
      return NetworkDescription.builtIn.map { Array(Self.yaml($0).utf8) } + [Array(Self.aliases.utf8)]
    }
  }

  static func noise(_ count: Int) -> [UInt8] {
    var random = SplitMix64(seed: UInt64(count))
    return (0..<count).map { _ in UInt8(random.index(below: 256)) }
  }

  private static let fewLayers = [
    LayerDescription.convolution("a", 4, kernel: 3), .convolution("b", 4, kernel: 1), .dense("c", nil),
  ]
  /// Strides, padding, groups, and pools of both kinds.
  private static let everyLayer = [
    LayerDescription.convolution("a", 8, kernel: 3, stride: 2, padding: 1),
    .convolution("b", 8, kernel: 3, padding: 1, groups: 2), .maxPool(3, stride: 2),
    .convolution("c", nil, kernel: 1), .averagePool,
  ]

  private static func trainer(
    _ method: Method, _ layers: [LayerDescription] = fewLayers, side: Int = 5
  ) throws -> Trainer {
    let network = NetworkDescription(name: "n", layers: layers)
    let preprocessing = Preprocessing(
      height: side, width: side - 1, channels: 1, mean: [0.5], deviation: [0.25])
    return try Trainer(
      RunConfiguration(
        data: "made-up", network: network, method: method,
        preprocessing: method.firstLayer == .int8 ? preprocessing.withByteZero : preprocessing,
        classNames: ["a", "b"], epochs: 4, batchSize: 8, validation: 0, seed: 7,
        distillation: Distillation(teacher: "teacher.signet", digest: "0123")),
      stepsPerEpoch: 3)
  }

  private static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    guard
      deflateInit2_(
        &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        == Z_OK
    else { throw FuzzPlace.Failure(description: "zlib") }
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 256)
    let room = output.count
    input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        (stream.next_in, stream.avail_in) = (source.baseAddress, uInt(source.count))
        (stream.next_out, stream.avail_out) = (target.baseAddress, uInt(target.count))
        _ = deflate(&stream, Z_FINISH)
      }
    }
    return Array(output[..<(room - Int(stream.avail_out))])
  }

  /// The files get one time, as the index does: another day's inputs are the same.
  private static func index(in place: FuzzPlace) throws -> [UInt8] {
    let folder = place.folder + "/data/train"
    let manager = FileManager.default
    let time: [FileAttributeKey: Any] = [.modificationDate: Date(timeIntervalSince1970: 1_700_000_000)]
    for name in ["a", "b", "c"] {
      try manager.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      for number in 0..<4 {
        let path = try place.write([1, 2], as: "data/train/\(name)/\(number).jpg")
        try manager.setAttributes(time, ofItemAtPath: path)
      }
      try manager.setAttributes(time, ofItemAtPath: "\(folder)/\(name)")
    }
    try manager.setAttributes(time, ofItemAtPath: folder)
    var bytes = try ImageIndexFile(root: place.folder + "/data", part: "train", cache: nil)
      .index(classes: ["a", "b", "c"]).storage
    // When it was made is at byte 16, and covered by the checksum at 12.
    withUnsafeBytes(of: Int64(1_700_000_010_000_000_000).littleEndian) {
      bytes.replaceSubrange(16..<24, with: $0)
    }
    let sum = bytes[16...].withUnsafeBufferPointer { crc32(0, $0.baseAddress, uInt($0.count)) }
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: sum).littleEndian) {
      bytes.replaceSubrange(12..<16, with: $0)
    }
    return bytes
  }

  /// Aliases of aliases, as values and within keys, of which those that a text stands for are far more than it has bytes.
  private static var aliases: String {
    let names = "abcdefghij".map(String.init)
    var text = "name: x\na: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    for (previous, name) in zip(names, names.dropFirst()) {
      let list = [String](repeating: "*\(previous)", count: 9).joined(separator: ", ")
      text += "\(name): &\(name) {? [\(list)] : 1}\n"
    }
    return text + "layers: *j\n"
  }

  private static func yaml(_ network: NetworkDescription) -> String {
    var text = "name: \(network.name)\n"
    if let input = network.input { text += "input: \(input)\n" }
    text += "layers:\n"
    for layer in network.layers {
      text += "  - {type: \(layer.type.rawValue)"
      if let name = layer.name { text += ", name: \(name)" }
      if let filters = layer.filters { text += ", filters: \(filters)" }
      if let kernel = layer.kernel { text += ", kernel: \(kernel.height)" }
      if let stride = layer.stride { text += ", stride: [\(stride.height), \(stride.width)]" }
      if let padding = layer.padding { text += ", padding: \(padding.height)" }
      if let groups = layer.groups { text += ", groups: \(groups)" }
      text += "}\n"
    }
    return text
  }
}

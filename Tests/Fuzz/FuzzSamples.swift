// SPDX-License-Identifier: Apache-2.0

import CPNG
import CTurboJPEG
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
    case .idx:
      let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6] + Self.noise(120)
      return [images, [0, 0, 8, 1, 0, 0, 0, 9] + Self.noise(9), try Self.gzip(images)]
    case .cifar:
      return [(0..<3).flatMap { [UInt8($0)] + Self.noise(3072) }]
    case .jpeg:
      return try [TJSAMP_444, TJSAMP_420, TJSAMP_GRAY].flatMap { subsampling in
        try [0, TJFLAG_PROGRESSIVE].map { try Self.jpeg(subsampling, flags: $0) }
      } + [Self.turned(Self.jpeg(TJSAMP_422, flags: 0)), Self.jpeg(TJSAMP_444, flags: 0, format: TJPF_CMYK)]
    case .png:
      return try [
        (PNG_FORMAT_FLAG_COLOR, 0), (0, 0), (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA, 0),
        (PNG_FORMAT_FLAG_COLOR, 16),
      ].map { try Self.png(format: UInt32($0.0), colors: $0.1) }
    case .imageIndex:
      return [try Self.index(in: place)]
    case .network:
      return NetworkDescription.builtIn.map { Array(Self.yaml($0).utf8) }
    }
  }

  static func noise(_ count: Int) -> [UInt8] {
    var random = SplitMix64(seed: UInt64(count))
    return (0..<count).map { _ in UInt8(random.index(below: 256)) }
  }

  private static func trainer(_ method: Method) throws -> Trainer {
    let network = NetworkDescription(
      name: "n", layers: [.convolution("a", 4, kernel: 3), .convolution("b", 4, kernel: 1), .dense("c", nil)])
    let preprocessing = Preprocessing(height: 5, width: 4, channels: 1, mean: [0.5], deviation: [0.25])
    return try Trainer(
      RunConfiguration(
        data: "made-up", network: network, method: method,
        preprocessing: method.firstLayer == .int8 ? preprocessing.withByteZero : preprocessing,
        classNames: ["a", "b"], epochs: 4, batchSize: 8, validation: 0, seed: 7),
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

  private static func jpeg(_ subsampling: TJSAMP, flags: Int32, format: TJPF = TJPF_RGB) throws -> [UInt8] {
    guard let handle = tjInitCompress() else { throw FuzzPlace.Failure(description: "TurboJPEG") }
    defer { tjDestroy(handle) }
    var output: UnsafeMutablePointer<UInt8>?
    var length: UInt = 0
    defer { tjFree(output) }
    let pixels = noise(48 * 40 * (format == TJPF_CMYK ? 4 : 3))
    guard
      tjCompress2(
        handle, pixels, 48, 0, 40, Int32(format.rawValue), &output, &length, Int32(subsampling.rawValue), 60,
        flags) == 0
    else { throw FuzzPlace.Failure(description: "TurboJPEG") }
    return Array(UnsafeBufferPointer(start: output, count: Int(length)))
  }

  /// The same with an EXIF segment that says it lies on its side.
  private static func turned(_ jpeg: [UInt8]) -> [UInt8] {
    let tiff: [UInt8] = [
      0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
    ]
    let payload = Array("Exif\0\0".utf8) + tiff
    return jpeg[..<2] + [0xff, 0xe1, 0, UInt8(payload.count + 2)] + payload + jpeg[2...]
  }

  private static func png(format: UInt32, colors: Int) throws -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    (image.width, image.height) = (20, 18)
    image.format = format | (colors > 0 ? UInt32(PNG_FORMAT_FLAG_COLORMAP) : 0)
    image.colormap_entries = UInt32(colors)
    let map = noise(max(1, colors * 4))
    let pixels =
      colors > 0 ? noise(20 * 18).map { $0 % UInt8(colors) } : noise(20 * 18 * 4)
    var length = 0
    guard png_image_write_to_memory(&image, nil, &length, 0, pixels, 0, map) != 0 else {
      throw FuzzPlace.Failure(description: "libpng")
    }
    var output = [UInt8](repeating: 0, count: length)
    guard png_image_write_to_memory(&image, &output, &length, 0, pixels, 0, map) != 0 else {
      throw FuzzPlace.Failure(description: "libpng")
    }
    return Array(output[..<length])
  }

  private static func index(in place: FuzzPlace) throws -> [UInt8] {
    let folder = place.folder + "/data/train"
    for name in ["a", "b", "c"] {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      for number in 0..<4 { _ = try place.write([1, 2], as: "data/train/\(name)/\(number).jpg") }
    }
    return try ImageIndexFile(root: place.folder + "/data", part: "train", cache: nil)
      .index(classes: ["a", "b", "c"]).storage
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

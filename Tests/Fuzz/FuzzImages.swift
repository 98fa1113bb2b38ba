// SPDX-License-Identifier: Apache-2.0

import CPNG
import CTurboJPEG
import CZlib
import Foundation

/// The images among the samples: each way of coding, and sizes of which parts are left out and others shrunk.
extension FuzzParser {
  func jpegSamples() throws -> [[UInt8]] {
    let (small, large) = (SampleSize(width: 48, height: 40), SampleSize(width: 330, height: 250))
    var samples = try [TJSAMP_444, TJSAMP_420, TJSAMP_GRAY].flatMap { subsampling in
      try [0, TJFLAG_PROGRESSIVE].map { try Self.jpeg(small, subsampling, flags: $0) }
    }
    samples.append(Self.turned(try Self.jpeg(small, TJSAMP_422, flags: 0)))
    samples.append(try Self.jpeg(small, TJSAMP_444, flags: 0, format: TJPF_CMYK))
    samples += try [TJSAMP_420, TJSAMP_444].map { try Self.jpeg(large, $0, flags: 0) }
    samples.append(try Self.jpeg(large, TJSAMP_420, flags: TJFLAG_PROGRESSIVE))
    // The compressor's own switch; nothing else runs yet.
    setenv("TJ_ARITHMETIC", "1", 1)
    defer { unsetenv("TJ_ARITHMETIC") }
    for flags in [0, TJFLAG_PROGRESSIVE] { samples.append(try Self.jpeg(small, TJSAMP_420, flags: flags)) }
    samples.append(try Self.jpeg(large, TJSAMP_420, flags: 0))
    return samples
  }

  func pngSamples() throws -> [[UInt8]] {
    let small = SampleSize(width: 20, height: 18)
    return try [
      (PNG_FORMAT_FLAG_COLOR, 0), (0, 0), (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA, 0),
      (PNG_FORMAT_FLAG_COLOR, 16),
    ].map { try Self.png(small, format: UInt32($0.0), colors: $0.1) }
      + [
        Self.png(SampleSize(width: 150, height: 110), format: UInt32(PNG_FORMAT_FLAG_COLOR), colors: 0),
        Self.interlaced(small), Self.interlaced(SampleSize(width: 90, height: 70)),
      ]
  }

  struct SampleSize {
    let width: Int
    let height: Int

    /// Bytes that change slowly, with some noise: coders make less of them, and not too little.
    func picture(channels: Int) -> [UInt8] {
      let noise = FuzzParser.noise(width * height * channels)
      return noise.indices.map { place in
        let (x, y) = (place / channels % width, place / channels / width)
        return UInt8(60 + x * 90 / width + y * 60 / height) + noise[place] % 16
      }
    }
  }

  private static func jpeg(
    _ size: SampleSize, _ subsampling: TJSAMP, flags: Int32, format: TJPF = TJPF_RGB
  ) throws -> [UInt8] {
    guard let handle = tjInitCompress() else { throw FuzzPlace.Failure(description: "TurboJPEG") }
    defer { tjDestroy(handle) }
    var output: UnsafeMutablePointer<UInt8>?
    var length: UInt = 0
    defer { tjFree(output) }
    let pixels = size.picture(channels: format == TJPF_CMYK ? 4 : 3)
    guard
      tjCompress2(
        handle, pixels, Int32(size.width), 0, Int32(size.height), Int32(format.rawValue), &output, &length,
        Int32(subsampling.rawValue), 60, flags) == 0
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

  private static func png(_ size: SampleSize, format: UInt32, colors: Int) throws -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    (image.width, image.height) = (png_uint_32(size.width), png_uint_32(size.height))
    image.format = format | (colors > 0 ? UInt32(PNG_FORMAT_FLAG_COLORMAP) : 0)
    image.colormap_entries = UInt32(colors)
    let map = noise(max(1, colors * 4))
    let pixels =
      colors > 0
      ? noise(size.width * size.height).map { $0 % UInt8(colors) } : size.picture(channels: 4)
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

  /// An RGB image in Adam7's seven passes, which libpng's simple interface doesn't write.
  private static func interlaced(_ size: SampleSize) throws -> [UInt8] {
    let pixels = size.picture(channels: 3)
    let passes = [
      (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ]
    var rows: [UInt8] = []
    for (left, top, stepX, stepY) in passes where left < size.width {
      for y in stride(from: top, to: size.height, by: stepY) {
        rows.append(0)
        for x in stride(from: left, to: size.width, by: stepX) {
          rows += pixels[(y * size.width + x) * 3..<(y * size.width + x) * 3 + 3]
        }
      }
    }
    var length = compressBound(uLong(rows.count))
    var packed = [UInt8](repeating: 0, count: Int(length))
    guard compress(&packed, &length, rows, uLong(rows.count)) == Z_OK else {
      throw FuzzPlace.Failure(description: "zlib")
    }
    let header = number(size.width) + number(size.height) + [8, 2, 0, 0, 1]
    return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] + chunk("IHDR", header)
      + chunk("IDAT", Array(packed[..<Int(length)])) + chunk("IEND", [])
  }

  private static func chunk(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    let content = Array(type.utf8) + payload
    return number(payload.count) + content + number(Int(crc32(0, content, uInt(content.count))))
  }

  /// Big-endian, 32 bits.
  private static func number(_ value: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CPNG
import CTurboJPEG
import Testing

/// Image files, written by the libraries that wrote most of the world's.
enum SampleImage {
  static func png(_ pixels: [UInt8], width: Int, height: Int, channels: Int) throws -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    (image.width, image.height) = (png_uint_32(width), png_uint_32(height))
    image.format = channels == 3 ? png_uint_32(PNG_FORMAT_FLAG_COLOR) : 0
    var size = 0
    try #require(png_image_write_to_memory(&image, nil, &size, 0, pixels, 0, nil) != 0)
    var file = [UInt8](repeating: 0, count: size)
    try #require(png_image_write_to_memory(&image, &file, &size, 0, pixels, 0, nil) != 0)
    return Array(file.prefix(size))
  }

  static func jpeg(_ pixels: [UInt8], width: Int, height: Int, channels: Int) throws -> [UInt8] {
    let compressor = try #require(tjInitCompress())
    defer { tjDestroy(compressor) }
    var file: UnsafeMutablePointer<UInt8>?
    var size: UInt = 0
    defer { tjFree(file) }
    let (format, sampling) = channels == 3 ? (TJPF_RGB, TJSAMP_444) : (TJPF_GRAY, TJSAMP_GRAY)
    let result = tjCompress2(
      compressor, pixels, Int32(width), 0, Int32(height), Int32(format.rawValue), &file, &size,
      Int32(sampling.rawValue), 95, 0)
    try #require(result == 0)
    return Array(UnsafeBufferPointer(start: file, count: Int(size)))
  }

  /// Each pixel as a block of `factor` × `factor`, each value in `channels` channels.
  static func enlarged(_ grey: [UInt8], side: Int, factor: Int, channels: Int) -> [UInt8] {
    let large = side * factor
    return (0..<large * large * channels).map { at in
      let (y, x) = (at / channels / large, at / channels % large)
      return grey[y / factor * side + x / factor]
    }
  }
}

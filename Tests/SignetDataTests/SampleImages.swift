// SPDX-License-Identifier: Apache-2.0

import CPNG
import CTurboJPEG
import CZlib
import Testing

/// JPEG files made by libjpeg-turbo's compressor.
enum SampleJPEG {
  /// Compresses at the best quality without chroma subsampling, unless told otherwise.
  static func encode(
    _ pixels: [UInt8], width: Int, height: Int, format: TJPF, subsampling: TJSAMP = TJSAMP_444,
    flags: Int32 = 0
  ) throws -> [UInt8] {
    let handle = try #require(tjInitCompress())
    defer { tjDestroy(handle) }
    var output: UnsafeMutablePointer<UInt8>?
    var length: UInt = 0
    let result = tjCompress2(
      handle, pixels, Int32(width), 0, Int32(height), Int32(format.rawValue), &output, &length,
      Int32(subsampling.rawValue), 100, flags)
    defer { tjFree(output) }
    #expect(result == 0)
    return Array(UnsafeBufferPointer(start: output, count: Int(length)))
  }

  /// The same file with one more segment after the start marker.
  static func inserting(segment marker: UInt8, _ payload: [UInt8], into jpeg: [UInt8]) -> [UInt8] {
    let length = payload.count + 2
    return jpeg[..<2] + [0xff, marker, UInt8(length >> 8), UInt8(length & 255)] + payload + jpeg[2...]
  }

  /// An EXIF payload with a tag before the orientation, as cameras write it.
  static func exif(orientation: Int, littleEndian: Bool) -> [UInt8] {
    func number(_ value: Int, _ bytes: Int) -> [UInt8] {
      let little = (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      return littleEndian ? little : little.reversed()
    }
    var tiff = Array((littleEndian ? "II" : "MM").utf8) + number(42, 2) + number(8, 4) + number(2, 2)
    tiff += number(0x0100, 2) + number(4, 2) + number(1, 4) + number(640, 4)
    tiff += number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + number(0, 2)
    tiff += number(0, 4)
    return Array("Exif\0\0".utf8) + tiff
  }
}

/// PNG files put together chunk by chunk, so that the decoder is not tested against its own library alone.
enum SamplePNG {
  static func encode(
    width: Int, height: Int, depth: UInt8 = 8, colorType: UInt8, rows: [[UInt8]],
    chunks: [(String, [UInt8])] = []
  ) throws -> [UInt8] {
    let header = bigEndian(width) + bigEndian(height) + [depth, colorType, 0, 0, 0]
    let scanlines = rows.flatMap { row -> [UInt8] in [0] + row }
    var length = compressBound(UInt(scanlines.count))
    var packed = [UInt8](repeating: 0, count: Int(length))
    #expect(compress(&packed, &length, scanlines, UInt(scanlines.count)) == Z_OK)
    return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] + chunk("IHDR", header)
      + chunks.flatMap { chunk($0.0, $0.1) } + chunk("IDAT", Array(packed[..<Int(length)]))
      + chunk("IEND", [])
  }

  static func chunk(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    let content = Array(type.utf8) + payload
    return bigEndian(payload.count) + content + bigEndian(Int(crc32(0, content, uInt(content.count))))
  }

  /// 8-bit RGB written by libpng itself.
  static func encodedByLibrary(_ pixels: [UInt8], width: Int, height: Int) throws -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    image.width = png_uint_32(width)
    image.height = png_uint_32(height)
    image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    var length = 0
    #expect(png_image_write_to_memory(&image, nil, &length, 0, pixels, 0, nil) != 0)
    var output = [UInt8](repeating: 0, count: length)
    #expect(png_image_write_to_memory(&image, &output, &length, 0, pixels, 0, nil) != 0)
    return Array(output[..<length])
  }
}

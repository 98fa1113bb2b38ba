// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG

/// JPEG through libjpeg-turbo.
enum JPEGDecoder {
  /// How a JPEG file starts.
  static let magic: [UInt8] = [0xff, 0xd8, 0xff]

  /// Decodes to grey or RGB, upright by the EXIF orientation.
  ///
  /// The accurate inverse DCT is used, whose vector and scalar forms give the same bytes. Any complaint of the
  /// library is an error, for a truncated file is only a warning to it and would give grey areas.
  static func decode(_ bytes: [UInt8], path: String) throws(DataError) -> PixelImage {
    guard let handle = tjInitDecompress() else {
      throw DataError(.unreadable, "the JPEG decoder could not start: out of memory", path: path)
    }
    defer { tjDestroy(handle) }

    var width: Int32 = 0
    var height: Int32 = 0
    var subsampling: Int32 = 0
    var colorSpace: Int32 = -1
    let length = UInt(bytes.count)
    let result = bytes.withUnsafeBufferPointer {
      tjDecompressHeader3(handle, $0.baseAddress, length, &width, &height, &subsampling, &colorSpace)
    }
    // An unusual chroma subsampling is reported as a failure, but decodes well.
    let onlyUnusual = subsampling == -1 && width > 0 && height > 0 && colorSpace >= 0
    guard result == 0 || onlyUnusual else { throw failure(handle, path) }
    let layout = ImageLayout(
      height: Int(height), width: Int(width), channels: colorSpace == Int32(TJCS_GRAY.rawValue) ? 1 : 3)
    try layout.validate(path: path)

    let metadata = JPEGMetadata(bytes)
    // The library converts no CMYK, whether stored as such or as YCCK.
    let isCMYK = colorSpace == Int32(TJCS_CMYK.rawValue) || colorSpace == Int32(TJCS_YCCK.rawValue)
    let format = isCMYK ? TJPF_CMYK : layout.channels == 1 ? TJPF_GRAY : TJPF_RGB
    let byteCount = layout.height * layout.width * (isCMYK ? 4 : layout.channels)
    var decoded: Int32 = -1
    var pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { output, initialized in
      decoded = bytes.withUnsafeBufferPointer { input in
        tjDecompress2(
          handle, input.baseAddress, length, output.baseAddress, 0, 0, 0, Int32(format.rawValue),
          TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS)
      }
      initialized = decoded == 0 ? byteCount : 0
    }
    guard decoded == 0 else { throw failure(handle, path) }
    if isCMYK { pixels = rgb(cmyk: pixels, inverted: metadata.hasAdobeSegment) }
    return PixelImage(
      height: layout.height, width: layout.width, channels: layout.channels, pixels: pixels
    ).oriented(metadata.orientation)
  }

  /// `R = (255 − C)(255 − K) / 255`, and so on, rounded; `inverted` values hold `255 − C` already.
  private static func rgb(cmyk: [UInt8], inverted: Bool) -> [UInt8] {
    let count = cmyk.count / 4
    let flip: UInt8 = inverted ? 0 : 255
    return [UInt8](unsafeUninitializedCapacity: 3 * count) { output, initialized in
      for pixel in 0..<count {
        let light = UInt32(cmyk[4 * pixel + 3] ^ flip)
        for channel in 0..<3 {
          output[3 * pixel + channel] = UInt8((UInt32(cmyk[4 * pixel + channel] ^ flip) * light + 127) / 255)
        }
      }
      initialized = 3 * count
    }
  }

  private static func failure(_ handle: tjhandle, _ path: String) -> DataError {
    let reason = tjGetErrorStr2(handle).map { String(cString: $0) } ?? "unknown error"
    let isTruncated = reason.contains("Premature end")
    return DataError(
      isTruncated ? .truncated : .damaged,
      "the JPEG data is \(isTruncated ? "truncated" : "damaged") or of an unknown kind (\(reason)); "
        + "save the image again or remove it", path: path)
  }
}

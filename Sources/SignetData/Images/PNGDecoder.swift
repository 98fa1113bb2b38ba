// SPDX-License-Identifier: Apache-2.0

import CPNG

/// PNG through libpng's simplified interface.
package enum PNGDecoder {
  /// How a PNG file starts.
  static let magic: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

  /// Decodes to 8-bit grey or RGB; transparent parts show white.
  ///
  /// Palettes are looked up, samples of 16 bits rounded to 8, and a `gAMA` chunk other than sRGB's converted to it.
  static func decode(_ bytes: [UInt8], path: String) throws(DataError) -> PixelImage {
    try checkChunks(bytes, path: path)
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    // libpng keeps the address of the bytes between its two calls.
    return try bytes.withUnsafeBufferPointer { input throws(DataError) -> PixelImage in
      guard png_image_begin_read_from_memory(&image, input.baseAddress, input.count) != 0 else {
        throw failure(image, path)
      }
      let flags = UInt32(image.format)
      let hasAlpha = flags & UInt32(PNG_FORMAT_FLAG_ALPHA) != 0
      let isColor = flags & UInt32(PNG_FORMAT_FLAG_COLOR) != 0
      // The sides are 32 bits, so they fit in an Int before they are checked.
      let layout = ImageLayout(height: Int(image.height), width: Int(image.width), channels: isColor ? 3 : 1)
      guard layout.height > 0, layout.width > 0 else { throw failure("a side of 0 pixels", path) }
      try layout.validate(path: path)
      try ImageLimits.checkPNG(
        height: layout.height, width: layout.width, bitsPerPixel: Self.bitsPerPixel(bytes),
        fileBytes: bytes.count, path: path)
      image.format =
        (isColor ? UInt32(PNG_FORMAT_FLAG_COLOR) : 0) | (hasAlpha ? UInt32(PNG_FORMAT_FLAG_ALPHA) : 0)
      // Without this, 16-bit samples of a file that names no gamma would be taken for linear light.
      image.flags |= UInt32(PNG_IMAGE_FLAG_16BIT_sRGB)
      let byteCount = layout.byteCount + (hasAlpha ? layout.height * layout.width : 0)
      var complete = false
      var pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { output, initialized in
        complete = png_image_finish_read(&image, nil, output.baseAddress, 0, nil) != 0
        initialized = complete ? byteCount : 0
      }
      guard complete else { throw failure(image, path) }
      if hasAlpha { pixels = onWhite(pixels, channels: layout.channels) }
      return PixelImage(height: layout.height, width: layout.width, channels: layout.channels, pixels: pixels)
    }
  }

  /// The sides that the header announces, if the bytes begin like a PNG file that can be one.
  static func size(_ bytes: [UInt8]) -> (height: Int, width: Int)? {
    guard bytes.count >= 24, bytes.starts(with: magic) else { return nil }
    func side(_ offset: Int) -> Int { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
    let (height, width) = (side(20), side(16))
    return height > 0 && width > 0 ? (height, width) : nil
  }

  /// Bits of a stored pixel, from the header that comes first; the least possible if that is not one.
  private static func bitsPerPixel(_ bytes: [UInt8]) -> Int {
    guard bytes.count > 25 else { return 1 }
    let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][bytes[25]] ?? 1
    return Int(bytes[24]) * samples
  }

  /// `(a v + (255 − a) 255) / 255`, rounded, on the stored values, as browsers blend.
  private static func onWhite(_ pixels: [UInt8], channels: Int) -> [UInt8] {
    let count = pixels.count / (channels + 1)
    return [UInt8](unsafeUninitializedCapacity: count * channels) { output, initialized in
      for pixel in 0..<count {
        let start = pixel * (channels + 1)
        let alpha = UInt32(pixels[start + channels])
        for channel in 0..<channels {
          let blend = alpha * UInt32(pixels[start + channel]) + (255 - alpha) * 255
          output[pixel * channels + channel] = UInt8((blend + 127) / 255)
        }
      }
      initialized = count * channels
    }
  }

  /// Refuses a file without its last chunk: libpng stops at the last pixel and would not notice.
  private static func checkChunks(_ bytes: [UInt8], path: String) throws(DataError) {
    var offset = magic.count
    while offset + 12 <= bytes.count {
      let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - offset - 12 else { break }
      if bytes[offset + 4..<offset + 8].elementsEqual("IEND".utf8) { return }
      offset += 12 + length
    }
    throw DataError(
      .truncated, "the PNG data ends early; save the image again or remove it", path: path, byteOffset: offset
    )
  }

  private static func failure(_ image: png_image, _ path: String) -> DataError {
    let reason = withUnsafeBytes(of: image.message) { message in
      String(decoding: message.prefix { $0 != 0 }, as: UTF8.self)
    }
    return failure(reason, path)
  }

  /// What a message of libpng means: its words alone tell a lack of memory, which is no fault of the file.
  package static func failure(_ reason: String, _ path: String) -> DataError {
    if reason.lowercased().contains("memory") {
      return DataError(
        .systemFailure, "there is no memory to decode the PNG image with (\(reason)); free some", path: path)
    }
    return DataError(
      .damaged,
      "the PNG data is damaged or of an unknown kind (\(reason)); save the image again or remove it",
      path: path)
  }
}

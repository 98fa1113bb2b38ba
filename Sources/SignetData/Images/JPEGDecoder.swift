// SPDX-License-Identifier: Apache-2.0

import CSignetJPEG

/// JPEG through libjpeg-turbo: whole images, or the part that is needed, at 1/1, 1/2, 1/4 or 1/8 of the size.
///
/// Any complaint of the library is an error, for a truncated file is only a warning to it and would give grey areas.
/// For one thread at a time, and any number of images.
final class JPEGDecoder {
  /// How a JPEG file starts.
  static let magic: [UInt8] = [0xff, 0xd8, 0xff]

  /// What is known of an image before its pixels are decoded.
  struct Header {
    /// Rows and columns as they are stored, before the image is turned upright.
    let height: Int
    let width: Int
    /// Bytes of a pixel as the library gives it: 1, 3, or 4 for CMYK.
    let components: Int
    let metadata: JPEGMetadata

    /// 1 for grey, else 3.
    var channels: Int { components == 1 ? 1 : 3 }
  }

  private let decoder: OpaquePointer

  /// - Throws: ``DataError`` if there is no memory.
  init() throws(DataError) {
    guard let decoder = sj_create() else {
      throw DataError(.systemFailure, "the JPEG decoder could not start: out of memory; free some")
    }
    self.decoder = decoder
  }

  deinit { sj_destroy(decoder) }

  /// The whole image in grey or RGB, upright by the EXIF orientation.
  static func decode(_ bytes: [UInt8], path: String) throws(DataError) -> PixelImage {
    let decoder = try JPEGDecoder()
    return try bytes.withUnsafeBufferPointer { buffer throws(DataError) -> PixelImage in
      let header = try decoder.open(buffer, metadata: JPEGMetadata(bytes), path: path)
      return try decoder.whole(header, denominator: 1, path: path)
    }
  }

  /// Reads the header of an image, whose bytes must stay where they are until it is decoded.
  ///
  /// - Throws: ``DataError``: `.damaged`, `.truncated`, or `.tooLarge` for an image above ``ImageLimits``.
  func open(
    _ bytes: UnsafeBufferPointer<UInt8>, metadata: JPEGMetadata, path: String
  ) throws(DataError) -> Header {
    guard let start = bytes.baseAddress else {
      throw DataError(.empty, "is empty; give a JPEG or PNG file", path: path)
    }
    var header = sj_header()
    let status = sj_open(decoder, start, bytes.count, &header)
    guard status == .ok else { throw failure(status, path) }
    let layout = ImageLayout(
      height: Int(header.height), width: Int(header.width), channels: header.components == 1 ? 1 : 3)
    try layout.validate(path: path)
    try ImageLimits.checkJPEG(
      height: layout.height, width: layout.width, isArithmetic: metadata.isArithmetic,
      fileBytes: bytes.count, path: path)
    return Header(
      height: layout.height, width: layout.width, components: Int(header.components), metadata: metadata)
  }

  /// Decodes rows and columns of the opened image, of the image at 1/`denominator` of its size.
  ///
  /// What lies behind the part is looked at with `toEnd` only, so that damage there is noticed.
  /// - Shapes: `output` is `[rows, columns, components]`.
  func decode(
    rows: Range<Int>, columns: Range<Int>, denominator: Int, toEnd: Bool, path: String,
    into output: UnsafeMutableBufferPointer<UInt8>
  ) throws(DataError) {
    guard let start = output.baseAddress else { return }
    let part = sj_part(
      denominator: UInt32(denominator), left: UInt32(columns.lowerBound), top: UInt32(rows.lowerBound),
      width: UInt32(columns.count), height: UInt32(rows.count))
    let status = sj_decode(decoder, part, toEnd ? 1 : 0, start)
    guard status == .ok else { throw failure(status, path) }
  }

  /// The opened image at 1/`denominator` of its size, in grey or RGB, upright.
  func whole(_ header: Header, denominator: Int, path: String) throws(DataError) -> PixelImage {
    let height = Self.scaled(header.height, denominator)
    let width = Self.scaled(header.width, denominator)
    let count = height * width * header.components
    // Only at the end of a complete call are there pixels, so the error is kept out of the closure's way.
    var failure: DataError?
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
      do throws(DataError) {
        try decode(
          rows: 0..<height, columns: 0..<width, denominator: denominator, toEnd: true, path: path,
          into: UnsafeMutableBufferPointer(rebasing: output[..<count]))
        initialized = count
        if header.components == 4 {
          Self.convertToRGB(
            UnsafeMutableBufferPointer(rebasing: output[..<count]), inverted: header.metadata.hasAdobeSegment)
          initialized = count / 4 * 3
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return PixelImage(height: height, width: width, channels: header.channels, pixels: pixels)
      .oriented(header.metadata.orientation)
  }

  /// Pixels of a side at 1/`denominator` of the size.
  static func scaled(_ side: Int, _ denominator: Int) -> Int { (side + denominator - 1) / denominator }

  /// CMYK becomes RGB in place: `R = (255 − C)(255 − K) / 255`, and so on, rounded.
  ///
  /// `inverted` values, which Adobe's programs write, hold `255 − C` already.
  static func convertToRGB(_ pixels: UnsafeMutableBufferPointer<UInt8>, inverted: Bool) {
    let flip: UInt8 = inverted ? 0 : 255
    for pixel in 0..<pixels.count / 4 {
      let light = UInt32(pixels[4 * pixel + 3] ^ flip)
      for channel in 0..<3 {
        pixels[3 * pixel + channel] = UInt8((UInt32(pixels[4 * pixel + channel] ^ flip) * light + 127) / 255)
      }
    }
  }

  private func failure(_ status: JPEGStatus, _ path: String) -> DataError {
    let reason = String(cString: sj_message(decoder))
    switch status {
    case .tooLarge:
      return DataError(
        .tooLarge,
        "the JPEG image needs too much work or memory (\(reason)); save it again with fewer scans or pixels",
        path: path)
    case .noMemory:
      return DataError(
        .systemFailure, "there is no memory to decode the JPEG image with (\(reason)); free some", path: path)
    case .truncated:
      return DataError(
        .truncated, "the JPEG data is truncated (\(reason)); save the image again or remove it", path: path)
    case .ok, .damaged:
      return DataError(
        .damaged,
        "the JPEG data is damaged or of an unknown kind (\(reason)); save the image again or remove it",
        path: path)
    }
  }
}

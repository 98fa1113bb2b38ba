// SPDX-License-Identifier: Apache-2.0

package import Signet

/// An image in memory: bytes, rows from the top, a pixel's channels side by side.
///
/// - Shapes: `pixels` is `[height, width, channels]`, row-major.
package struct PixelImage: Hashable, Sendable {
  /// Rows.
  package let height: Int
  /// Columns.
  package let width: Int
  /// 1 for grey, 3 for RGB.
  package let channels: Int
  /// The bytes; 0 is black, 255 white.
  package let pixels: [UInt8]

  /// Creates an image from its bytes, of which there must be `height * width * channels`.
  package init(height: Int, width: Int, channels: Int, pixels: [UInt8]) {
    precondition(height > 0 && width > 0, "an image of \(height)×\(width) pixels")
    precondition(channels == 1 || channels == 3, "an image with \(channels) channels; 1 or 3 are possible")
    precondition(
      pixels.count == height * width * channels,
      "\(pixels.count) bytes for an image of \(height)×\(width)×\(channels)")
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  /// The image in grey (1) or RGB (3).
  ///
  /// RGB to grey: `(19595 R + 38470 G + 7471 B + 32768) >> 16`, the luma weights 0.299, 0.587, 0.114 in 1/65536.
  /// Grey to RGB repeats the value, and back gives the same grey.
  /// - Source: Recommendation ITU-R BT.601.
  package func converted(toChannels target: Int) -> PixelImage {
    precondition(target == 1 || target == 3, "\(target) channels asked for; 1 or 3 are possible")
    if target == channels { return self }
    let count = height * width
    let converted = [UInt8](unsafeUninitializedCapacity: count * max(target, channels)) {
      output, initialized in
      _ = output.update(fromContentsOf: pixels)
      if target == 1 {
        Self.convertToGrey(output, count: count)
      } else {
        Self.spreadGrey(output, count: count)
      }
      initialized = count * target
    }
    return PixelImage(height: height, width: width, channels: target, pixels: converted)
  }

  /// RGB to grey in place: the first `count` bytes are the grey ones then.
  static func convertToGrey(_ pixels: UnsafeMutableBufferPointer<UInt8>, count: Int) {
    for pixel in 0..<count {
      let red = UInt32(pixels[3 * pixel])
      let green = UInt32(pixels[3 * pixel + 1])
      let blue = UInt32(pixels[3 * pixel + 2])
      pixels[pixel] = UInt8((19_595 * red + 38_470 * green + 7_471 * blue + 32_768) >> 16)
    }
  }

  /// Grey to RGB in place: the first `count` bytes become `3 · count`.
  static func spreadGrey(_ pixels: UnsafeMutableBufferPointer<UInt8>, count: Int) {
    for pixel in (0..<count).reversed() {
      let grey = pixels[pixel]
      for channel in 0..<3 { pixels[3 * pixel + channel] = grey }
    }
  }

  /// The part of `height` × `width` pixels whose first pixel is at (`top`, `left`).
  ///
  /// - Throws: ``DataError`` with code `.invalidArgument` if the part is empty or leaves the image.
  package func cropped(top: Int, left: Int, height: Int, width: Int) throws(DataError) -> PixelImage {
    guard height > 0, width > 0, top >= 0, left >= 0, height <= self.height, width <= self.width,
      top <= self.height - height, left <= self.width - width
    else {
      throw DataError(
        .invalidArgument,
        "a crop of \(height)×\(width) at row \(top), column \(left) leaves the image of "
          + "\(self.height)×\(self.width); choose a part within it")
    }
    var part: [UInt8] = []
    part.reserveCapacity(height * width * channels)
    for row in top..<top + height {
      let start = (row * self.width + left) * channels
      part.append(contentsOf: pixels[start..<start + width * channels])
    }
    return PixelImage(height: height, width: width, channels: channels, pixels: part)
  }

  /// The image as a model takes it: its channels, then its size by the model's way of resizing.
  ///
  /// - Throws: ``DataError`` if the description asks for an impossible size or number of channels.
  package func fitted(to preprocessing: Preprocessing) throws(DataError) -> PixelImage {
    try fitted(to: ImageLayout(preprocessing))
  }

  /// The image in a layout: its channels, then its size.
  ///
  /// - Throws: ``DataError`` if the layout is impossible.
  package func fitted(to layout: ImageLayout) throws(DataError) -> PixelImage {
    try layout.validate()
    let image = converted(toChannels: layout.channels)
    if layout.resize == .stretch { return try image.resized(height: layout.height, width: layout.width) }
    return image.resampled(
      ImageSampling(layout, height: height, width: width).resampling(height: height, width: width))
  }
}

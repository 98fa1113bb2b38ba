// SPDX-License-Identifier: Apache-2.0

/// Left and right exchanged.
package enum HorizontalFlip {
  /// Mirrors an image in place, pixel by pixel, its channels kept in order.
  ///
  /// - Shapes: `[height, width, channels]`.
  package static func apply(
    _ image: UnsafeMutableBufferPointer<UInt8>, height: Int, width: Int, channels: Int
  ) {
    for row in 0..<height {
      var left = row * width * channels
      var right = left + (width - 1) * channels
      while left < right {
        for channel in 0..<channels { image.swapAt(left + channel, right + channel) }
        left += channels
        right -= channels
      }
    }
  }
}

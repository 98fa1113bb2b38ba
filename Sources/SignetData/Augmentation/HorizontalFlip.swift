// SPDX-License-Identifier: Apache-2.0

/// Left and right exchanged.
package enum HorizontalFlip {
  /// Mirrors an image in place, pixel by pixel, its channels kept in order.
  ///
  /// - Shapes: `[height, width, channels]`.
  package static func apply(
    _ image: UnsafeMutableBufferPointer<UInt8>, height: Int, width: Int, channels: Int
  ) {
    guard let start = image.baseAddress else { return }
    for row in 0..<height {
      var left = start + row * width * channels
      var right = left + (width - 1) * channels
      while left < right {
        for channel in 0..<channels { (left[channel], right[channel]) = (right[channel], left[channel]) }
        left += channels
        right -= channels
      }
    }
  }
}

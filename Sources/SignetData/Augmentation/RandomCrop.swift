// SPDX-License-Identifier: Apache-2.0

package import Signet

/// A crop of an image's own size out of the image with black borders; in effect a shift.
package struct RandomCrop: Hashable, Sendable {
  /// The first row of the crop, counted from the unpadded image's; negative rows are border.
  package let top: Int
  /// The first column of the crop, counted likewise.
  package let left: Int

  /// A crop at a given place.
  package init(top: Int, left: Int) {
    self.top = top
    self.left = left
  }

  /// A crop at one of the `(2 padding + 1)²` places, all equally likely.
  package init(padding: Int, using random: inout SplitMix64) {
    top = random.index(below: 2 * padding + 1) - padding
    left = random.index(below: 2 * padding + 1) - padding
  }

  /// Copies the crop of `input` to `output`; what lies outside the image becomes 0.
  ///
  /// - Shapes: both `[height, width, channels]`.
  package func apply(
    _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>, height: Int,
    width: Int,
    channels: Int
  ) {
    output.update(repeating: 0)
    let rows = max(0, -top)..<max(0, -top, min(height, height - top))
    let columns = max(0, -left)..<max(0, -left, min(width, width - left))
    if columns.isEmpty { return }
    for row in rows {
      let target = (row * width + columns.lowerBound) * channels
      let source = ((row + top) * width + columns.lowerBound + left) * channels
      let count = columns.count * channels
      _ = UnsafeMutableBufferPointer(rebasing: output[target..<target + count])
        .update(fromContentsOf: UnsafeBufferPointer(rebasing: input[source..<source + count]))
    }
  }
}

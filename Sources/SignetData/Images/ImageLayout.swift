// SPDX-License-Identifier: Apache-2.0

package import Signet

/// The size and channels that images are brought to, and how.
package struct ImageLayout: Hashable, Sendable {
  /// Rows.
  package var height: Int
  /// Columns.
  package var width: Int
  /// 1 for grey, 3 for RGB.
  package var channels: Int
  /// How an image of another size is brought to this one.
  package var resize: Preprocessing.Resize

  /// Creates a layout; see the properties.
  package init(height: Int, width: Int, channels: Int, resize: Preprocessing.Resize = .stretch) {
    self.height = height
    self.width = width
    self.channels = channels
    self.resize = resize
  }

  /// The layout that a model asks for.
  package init(_ preprocessing: Preprocessing) {
    self.init(
      height: preprocessing.height, width: preprocessing.width, channels: preprocessing.channels,
      resize: preprocessing.resize)
  }

  /// Bytes of one image; only after ``validate(path:)``.
  package var byteCount: Int { height * width * channels }

  /// Refuses layouts that no image can have, before any memory is taken.
  ///
  /// - Throws: ``DataError`` with code `.invalidArgument` or `.tooLarge`.
  package func validate(path: String? = nil) throws(DataError) {
    guard height > 0, width > 0 else {
      throw DataError(
        .invalidArgument, "an image of \(height)×\(width) pixels is not possible; give positive sizes",
        path: path)
    }
    guard channels == 1 || channels == 3 else {
      throw DataError(
        .invalidArgument, "images have 1 (grey) or 3 (RGB) channels, not \(channels); give 1 or 3", path: path
      )
    }
    // Both sides are checked first, so the product can't overflow.
    guard height <= ImageLimits.side, width <= ImageLimits.side, height * width <= ImageLimits.pixels else {
      throw DataError(
        .tooLarge,
        "\(height)×\(width) pixels are more than \(ImageLimits.side) a side or \(ImageLimits.pixels) in all; "
          + "scale the image down", path: path)
    }
  }
}

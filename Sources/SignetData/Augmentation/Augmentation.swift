// SPDX-License-Identifier: Apache-2.0

import Signet

/// Random changes of training images: a shifted crop, then a mirror image.
///
/// What happens to an image follows from the seed, the epoch and the image's index alone, so neither the order of
/// the images nor the number of threads changes it.
package struct Augmentation: Codable, Hashable, Sendable {
  /// Black pixels added on each side before a crop of the old size is cut out at a random place; 0 for none.
  package var padding: Int
  /// Whether half of the images, chosen at random, are mirrored left to right.
  package var flip: Bool

  /// Creates an augmentation; see the properties.
  package init(padding: Int = 0, flip: Bool = false) {
    self.padding = padding
    self.flip = flip
  }

  /// Whether it leaves every image as it is.
  package var isIdentity: Bool { padding == 0 && !flip }

  /// What happens to one image.
  package struct Choice: Hashable, Sendable {
    /// Where it is cut out.
    package var crop: RandomCrop
    /// Whether it is mirrored after that.
    package var isFlipped: Bool
  }

  /// Draws what happens to one image of an epoch.
  ///
  /// - Parameters:
  ///   - epochSeed: the seed of the run's augmentation in this epoch.
  ///   - index: the image's place in the data set.
  /// - Returns: where the image is cropped and whether it is mirrored.
  package func choice(epochSeed: UInt64, index: Int) -> Choice {
    // Always the same draws in the same order, so that switching one change on leaves the other as it was.
    var random = SplitMix64(seed: epochSeed, stream: UInt64(index))
    let isFlipped = random.next() >> 63 == 1
    return Choice(crop: RandomCrop(padding: padding, using: &random), isFlipped: flip && isFlipped)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet

/// Random changes of training images: a crop, then a mirror image.
///
/// What happens to an image follows from the seed, the epoch and the image's index alone, so neither the order of
/// the images nor the number of threads changes it.
package struct Augmentation: Hashable, Sendable {
  /// Which part of an image becomes the input.
  package enum Crop: Hashable, Sendable {
    /// The whole, or what evaluation takes.
    case none
    /// A part of the input's size, out of the input with so many black pixels added on each side.
    case shifted(padding: Int)
    /// A part of any size and shape: ``ResizedCrop``.
    case resized
  }

  /// Which part of an image becomes the input.
  package var crop: Crop
  /// Whether half of the images, chosen at random, are mirrored left to right.
  package var flip: Bool

  /// Creates an augmentation; see the properties.
  package init(crop: Crop, flip: Bool) {
    self.crop = crop
    self.flip = flip
  }

  /// Shifted crops, none if `padding` is 0.
  package init(padding: Int = 0, flip: Bool = false) {
    self.init(crop: padding == 0 ? .none : .shifted(padding: padding), flip: flip)
  }

  /// Black pixels added on each side before a crop of the old size is cut out at a random place; 0 for none.
  package var padding: Int {
    if case .shifted(let padding) = crop { padding } else { 0 }
  }

  /// What happens to one image.
  package struct Choice: Hashable, Sendable {
    /// Where it is cut out.
    package var crop: RandomCrop
    /// The part that is cut out before it becomes an input; `nil` for what evaluation takes.
    package var resizedCrop: ResizedCrop?
    /// Whether it is mirrored after that.
    package var isFlipped: Bool

    /// Whether the input is changed once it is there.
    var changesInput: Bool { isFlipped || crop != RandomCrop(top: 0, left: 0) }
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
    let shifted = RandomCrop(padding: padding, using: &random)
    return Choice(
      crop: shifted, resizedCrop: crop == .resized ? ResizedCrop(random: random) : nil,
      isFlipped: flip && isFlipped)
  }
}

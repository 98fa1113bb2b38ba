// SPDX-License-Identifier: Apache-2.0

import Signet

/// The random choices that preparing data makes, each with a stream of its own under a run's seed.
///
/// So a validation part does not change with the augmentation, nor the order of images with either.
enum RandomStream: UInt64 {
  // ASCII names as numbers, far from the small salts that other parts of a run may choose.
  /// Which training images are held out.
  case heldOut = 0x6865_6c64_6f75_7400
  /// The order of the images in an epoch.
  case order = 0x6f72_6465_7200_0000
  /// Crops and flips.
  case augmentation = 0x6175_676d_656e_7400

  /// The generator of this stream.
  func generator(seed: UInt64) -> SplitMix64 {
    SplitMix64(seed: seed, stream: rawValue)
  }

  /// The seed of this stream in one epoch.
  func seed(_ seed: UInt64, epoch: Int) -> UInt64 {
    var stream = generator(seed: seed)
    var inEpoch = SplitMix64(seed: stream.next(), stream: UInt64(bitPattern: Int64(epoch)))
    return inEpoch.next()
  }
}

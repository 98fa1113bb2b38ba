// SPDX-License-Identifier: Apache-2.0

package import Signet

/// A part of an image of random size and shape, which becomes the whole input; the usual change of photographs in training.
///
/// Up to ten times, an area of 8–100 % of the image's and an aspect ratio of ¾–4⁄3 are drawn, the area evenly, the ratio evenly in
/// its logarithm, until such a part fits into the image; it lies at any place with equal chance. If none fits, it is the largest part
/// in the middle whose ratio is within those limits.
/// - Source: C. Szegedy et al. 2015, "Going deeper with convolutions", arXiv:1409.4842.
package struct ResizedCrop: Hashable, Sendable {
  /// The parts of an image's area that are possible.
  package static let areas = 0.08...1.0
  /// The possible widths of a part over its height.
  package static let ratios = 3.0 / 4...4.0 / 3

  /// A part of an image, in its pixels.
  package struct Region: Hashable, Sendable {
    package var top: Int
    package var left: Int
    package var height: Int
    package var width: Int

    /// Creates a region; see the properties.
    package init(top: Int, left: Int, height: Int, width: Int) {
      (self.top, self.left, self.height, self.width) = (top, left, height, width)
    }
  }

  private let random: SplitMix64

  /// A crop that takes its random numbers from here on.
  package init(random: SplitMix64) {
    self.random = random
  }

  /// Where the crop lies in an image of a size; the same for the same size.
  ///
  /// Only additions, multiplications, divisions and square roots are used, and so it is the same on every machine.
  package func region(height: Int, width: Int) -> Region {
    var random = random
    let area = Double(height * width)
    let (areas, ratios) = (Self.areas, Self.ratios)
    let logarithm = -0.5753641449035618  // of the least ratio over the largest, ln 9⁄16
    for _ in 0..<10 {
      let target = area * (areas.lowerBound + (areas.upperBound - areas.lowerBound) * random.unitDouble())
      let ratio = ratios.upperBound * Softmax.exponential(logarithm * random.unitDouble())
      let partWidth = Int((target * ratio).squareRoot().rounded())
      let partHeight = Int((target / ratio).squareRoot().rounded())
      guard (1...width).contains(partWidth), (1...height).contains(partHeight) else { continue }
      let top = random.index(below: height - partHeight + 1)
      let left = random.index(below: width - partWidth + 1)
      return Region(top: top, left: left, height: partHeight, width: partWidth)
    }
    let partWidth = min(width, max(1, Int((Double(height) * ratios.upperBound).rounded())))
    let partHeight = min(height, max(1, Int((Double(width) / ratios.lowerBound).rounded())))
    return Region(
      top: (height - partHeight) / 2, left: (width - partWidth) / 2, height: partHeight, width: partWidth)
  }
}

extension SplitMix64 {
  /// Uniform in [0, 1), with 53 random bits.
  fileprivate mutating func unitDouble() -> Double {
    Double(next() >> 11) * 0x1p-53
  }
}

// SPDX-License-Identifier: Apache-2.0

/// How often each value occurs in each channel of some images.
struct ChannelHistogram {
  private let channels: Int
  private var counts: [UInt64]

  init(channels: Int) {
    self.channels = channels
    counts = [UInt64](repeating: 0, count: 256 * channels)
  }

  /// Whether nothing was counted.
  var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }

  /// Adds images.
  ///
  /// - Shapes: `[…, channels]`.
  /// - Complexity: O(bytes).
  mutating func add(_ pixels: UnsafeBufferPointer<UInt8>) {
    counts.withUnsafeMutableBufferPointer { counts in
      var start = 0
      while start < pixels.count {
        for channel in 0..<channels { counts[channel * 256 + Int(pixels[start + channel])] += 1 }
        start += channels
      }
    }
  }

  /// Adds what another has counted.
  mutating func add(_ other: ChannelHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
  }

  /// Mean and standard deviation of each channel over all pixels, on the scale where white is 1.
  ///
  /// `mean = Σp / 255 n`, `deviation = √(n Σp² − (Σp)²) / 255 n`; the sums are integers, so they are exact and do
  /// not depend on the order of the images.
  /// - Shapes: both `[channels]`.
  /// - Edge cases: a constant channel gets deviation 1, so that it can be divided by; no pixels at all 0 and 1.
  var statistics: (mean: [Float], deviation: [Float]) {
    var means: [Float] = []
    var deviations: [Float] = []
    for channel in 0..<channels {
      // 128 bits, since the product of two sums over a large data set passes 64.
      var count: UInt128 = 0
      var sum: UInt128 = 0
      var squares: UInt128 = 0
      for value in 0..<256 {
        let occurrences = UInt128(counts[channel * 256 + value])
        count += occurrences
        sum += occurrences * UInt128(value)
        squares += occurrences * UInt128(value * value)
      }
      let spread = count * squares - sum * sum
      means.append(count == 0 ? 0 : Float(Double(sum) / (Double(count) * 255)))
      deviations.append(spread == 0 ? 1 : Float(Double(spread).squareRoot() / (Double(count) * 255)))
    }
    return (means, deviations)
  }
}

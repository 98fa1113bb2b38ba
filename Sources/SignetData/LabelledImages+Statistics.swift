// SPDX-License-Identifier: Apache-2.0

extension LabelledImages {
  /// Mean and standard deviation of each channel over all pixels, on the scale where white is 1.
  ///
  /// `mean = Σp / 255 n`, `deviation = √(n Σp² − (Σp)²) / 255 n`; the sums are integers, so they are exact and do
  /// not depend on the order of the images.
  /// - Shapes: both `[channels]`.
  /// - Edge cases: a constant channel gets deviation 1, so that it can be divided by; an empty data set 0 and 1.
  /// - Complexity: O(bytes).
  package func channelStatistics() -> (mean: [Float], deviation: [Float]) {
    var histogram = [UInt64](repeating: 0, count: 256 * channels)
    histogram.withUnsafeMutableBufferPointer { histogram in
      pixels.withUnsafeBufferPointer { pixels in
        var start = 0
        while start < pixels.count {
          for channel in 0..<channels { histogram[channel * 256 + Int(pixels[start + channel])] += 1 }
          start += channels
        }
      }
    }
    var means: [Float] = []
    var deviations: [Float] = []
    for channel in 0..<channels {
      // 128 bits, since the product of two sums over a large data set passes 64.
      var count: UInt128 = 0
      var sum: UInt128 = 0
      var squares: UInt128 = 0
      for value in 0..<256 {
        let occurrences = UInt128(histogram[channel * 256 + value])
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

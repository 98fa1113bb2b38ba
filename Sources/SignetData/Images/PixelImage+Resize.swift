// SPDX-License-Identifier: Apache-2.0

extension PixelImage {
  /// The image at another size: bilinear, with antialiasing where it shrinks.
  ///
  /// See ``ResampleAxis`` for the formula and ``Resampling`` for the arithmetic.
  /// - Throws: ``DataError`` if the size is not positive, or above the limits of ``ImageLayout``.
  /// - Complexity: O(old height · new width · (s + 1) + new height · new width · (s + 1)).
  package func resized(height: Int, width: Int) throws(DataError) -> PixelImage {
    try ImageLayout(height: height, width: width, channels: channels).validate()
    if height == self.height, width == self.width { return self }
    return resampled(height: height, width: width, rows: 0..<height, columns: 0..<width)
  }

  /// The part `rows` × `columns` of the image at another size; the rest of it is never computed.
  ///
  /// So the centre of a picture of 1 × 65,500 pixels costs no more than its crop, although the whole would be huge.
  package func resampled(height: Int, width: Int, rows: Range<Int>, columns: Range<Int>) -> PixelImage {
    resampled(
      Resampling(
        rows: ResampleAxis(
          source: 0..<Double(self.height), limit: self.height, target: height, outputs: rows),
        columns: ResampleAxis(
          source: 0..<Double(self.width), limit: self.width, target: width, outputs: columns)))
  }

  /// What a resampling makes of the image.
  func resampled(_ resampling: Resampling) -> PixelImage {
    let (height, width) = (resampling.rows.starts.count, resampling.columns.starts.count)
    let count = height * width * channels
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
      pixels.withUnsafeBufferPointer { input in
        resampling.apply(
          input, stride: self.width * channels,
          skipping: (resampling.rows.inputs.lowerBound, resampling.columns.inputs.lowerBound),
          channels: channels, scratch: Resampling.Scratch(), into: output)
      }
      initialized = count
    }
    return PixelImage(height: height, width: width, channels: channels, pixels: bytes)
  }
}

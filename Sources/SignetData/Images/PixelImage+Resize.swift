// SPDX-License-Identifier: Apache-2.0

extension PixelImage {
  /// The image at another size: bilinear, with antialiasing where it shrinks.
  ///
  /// `out(i) = Σ_j w_ij in(j)` along columns, then along rows, where `w_ij` is the triangle
  /// `max(0, 1 − |j + ½ − (i + ½) s| / max(s, 1))`, `s` = old size / new size, divided by its sum over the image.
  /// The sums are kept in Float between the two passes and rounded to bytes once, half up. All operations are in
  /// a fixed order, so every machine gives the same bytes.
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
    let across = ResampleTaps(from: self.width, to: width, outputs: columns)
    let down = ResampleTaps(from: self.height, to: height, outputs: rows)
    let firstRow = down.starts.first ?? 0
    let lastRow = (down.starts.last ?? 0) + (down.counts.last ?? 0)
    let rowLength = columns.count * channels
    var narrowed = [Float](repeating: 0, count: (lastRow - firstRow) * rowLength)
    narrowed.withUnsafeMutableBufferPointer { output in
      pixels.withUnsafeBufferPointer { input in
        for row in firstRow..<lastRow {
          across.applyToRow(
            UnsafeBufferPointer(
              rebasing: input[row * self.width * channels..<(row + 1) * self.width * channels]),
            into: UnsafeMutableBufferPointer(
              rebasing: output[(row - firstRow) * rowLength..<(row - firstRow + 1) * rowLength]),
            channels: channels)
        }
      }
    }
    let bytes = [UInt8](unsafeUninitializedCapacity: rows.count * rowLength) { output, initialized in
      narrowed.withUnsafeBufferPointer { input in
        var sums = [Float](repeating: 0, count: rowLength)
        for row in 0..<rows.count {
          down.sumRows(input, first: firstRow, output: row, into: &sums)
          for k in 0..<rowLength {
            // Clamped because the weights' sum may be above 1 by a rounding error.
            output[row * rowLength + k] = UInt8(max(0, min(sums[k] + 0.5, 255)))
          }
        }
      }
      initialized = rows.count * rowLength
    }
    return PixelImage(height: rows.count, width: columns.count, channels: channels, pixels: bytes)
  }
}

/// Which inputs each output of one axis is made of, and with what weights.
private struct ResampleTaps {
  /// The first input of each output.
  let starts: [Int]
  /// How many inputs each output has.
  let counts: [Int]
  /// The weights of all outputs, one after another; those of an output sum to 1.
  let weights: [Float]
  /// Where each output's weights start.
  let offsets: [Int]

  init(from inputSize: Int, to outputSize: Int, outputs: Range<Int>) {
    let scale = Double(inputSize) / Double(outputSize)
    let support = max(scale, 1)
    var starts: [Int] = []
    var counts: [Int] = []
    var offsets: [Int] = []
    var weights: [Float] = []
    for output in outputs {
      let center = (Double(output) + 0.5) * scale
      let start = min(max(Int((center - support).rounded(.down)), 0), inputSize - 1)
      let end = max(min(Int((center + support).rounded(.up)), inputSize), start + 1)
      let raw = (start..<end).map { max(0, 1 - abs(Double($0) + 0.5 - center) / support) }
      let sum = raw.reduce(0, +)
      starts.append(start)
      counts.append(raw.count)
      offsets.append(weights.count)
      weights.append(contentsOf: raw.map { Float($0 / sum) })
    }
    self.starts = starts
    self.counts = counts
    self.offsets = offsets
    self.weights = weights
  }

  /// Makes one output row of pixels from one input row.
  func applyToRow(
    _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<Float>, channels: Int
  ) {
    weights.withUnsafeBufferPointer { weights in
      for x in 0..<starts.count {
        let weight = offsets[x]
        let start = starts[x]
        for channel in 0..<channels {
          var sum: Float = 0
          for tap in 0..<counts[x] {
            sum += weights[weight + tap] * Float(input[(start + tap) * channels + channel])
          }
          output[x * channels + channel] = sum
        }
      }
    }
  }

  /// The weighted sum of the input rows of one output row; `input` starts at row `first`.
  func sumRows(
    _ input: UnsafeBufferPointer<Float>, first: Int, output row: Int, into sums: inout [Float]
  ) {
    let length = sums.count
    sums.withUnsafeMutableBufferPointer { sums in
      sums.update(repeating: 0)
      for tap in 0..<counts[row] {
        let weight = weights[offsets[row] + tap]
        let start = (starts[row] + tap - first) * length
        for k in 0..<length { sums[k] += weight * input[start + k] }
      }
    }
  }
}

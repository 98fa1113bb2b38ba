// SPDX-License-Identifier: Apache-2.0

/// An image brought to another size, or a part of it: along columns, then along rows.
///
/// The sums are kept in Float between the two passes and rounded to bytes once, half up. All operations are in a fixed order, so
/// every machine gives the same bytes.
struct Resampling {
  let rows: ResampleAxis
  let columns: ResampleAxis

  /// Memory between the two passes, used again for the next image; for one thread at a time.
  final class Scratch {
    private var memory = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)

    deinit { memory.deallocate() }

    /// Room for numbers, of any value.
    fileprivate func room(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
      if memory.count < count {
        memory.deallocate()
        memory = .allocate(capacity: count)
        memory.initialize(repeating: 0)
      }
      return memory
    }
  }

  /// Makes the outputs of both axes.
  ///
  /// - Shapes: `input` is `[rows.inputs, columns.inputs, channels]`, `output` is `[rows, columns, channels]`.
  func apply(
    _ input: UnsafeBufferPointer<UInt8>, channels: Int, scratch: Scratch,
    into output: UnsafeMutableBufferPointer<UInt8>
  ) {
    apply(
      input, stride: columns.inputs.count * channels, skipping: (0, 0), channels: channels, scratch: scratch,
      into: output)
  }

  /// The same out of a larger image: `input` has rows of `stride` bytes, and the pixels needed begin at `skipping`.
  func apply(
    _ input: UnsafeBufferPointer<UInt8>, stride: Int, skipping: (rows: Int, columns: Int), channels: Int,
    scratch: Scratch, into output: UnsafeMutableBufferPointer<UInt8>
  ) {
    let length = columns.starts.count * channels
    let wide = columns.inputs.count * channels
    let inputRows = rows.inputs.count
    guard length > 0, inputRows > 0, let source = input.baseAddress else { return }
    // A row of the input, the narrowed rows, and the sums of a row; pixels are handled four numbers at a time, hence the rest.
    let room = scratch.room(wide + 4 + inputRows * length + 4 + length)
    guard let wideRow = room.baseAddress else { return }
    let narrowed = wideRow + wide + 4
    let sums = narrowed + inputRows * length + 4
    for row in 0..<inputRows {
      let start = source + (skipping.rows + row) * stride + skipping.columns * channels
      for k in 0..<wide { wideRow[k] = Float(start[k]) }
      if channels == 3 {
        narrowColors(wideRow, into: narrowed + row * length)
      } else {
        narrow(wideRow, channels: channels, into: narrowed + row * length)
      }
    }
    for row in 0..<rows.starts.count {
      sum(narrowed, row: row, length: length, into: sums)
      guard let bytes = output.baseAddress else { return }
      Self.round(sums, count: length, into: bytes + row * length)
    }
  }

  private func narrow(
    _ input: UnsafeMutablePointer<Float>, channels: Int, into output: UnsafeMutablePointer<Float>
  ) {
    let first = columns.inputs.lowerBound
    columns.weights.withUnsafeBufferPointer { weights in
      for x in 0..<columns.starts.count {
        let pixels = input + (columns.starts[x] - first) * channels
        let weight = columns.offsets[x]
        for channel in 0..<channels {
          var sum: Float = 0
          for tap in 0..<columns.counts[x] { sum += weights[weight + tap] * pixels[tap * channels + channel] }
          output[x * channels + channel] = sum
        }
      }
    }
  }

  /// The same for three channels, which are the first three lanes of a vector; the fourth is overwritten by the next pixel.
  private func narrowColors(_ input: UnsafeMutablePointer<Float>, into output: UnsafeMutablePointer<Float>) {
    let first = columns.inputs.lowerBound
    let (source, target) = (UnsafeRawPointer(input), UnsafeMutableRawPointer(output))
    let pixel = 3 * MemoryLayout<Float>.size
    // The four floats behind the last narrowed row are spare.
    columns.weights.withUnsafeBufferPointer { weights in
      columns.starts.withUnsafeBufferPointer { starts in
        columns.counts.withUnsafeBufferPointer { counts in
          var weight = 0
          for x in 0..<starts.count {
            var from = source + (starts[x] - first) * pixel
            var sum = SIMD4<Float>()
            for _ in 0..<counts[x] {
              sum += from.loadUnaligned(as: SIMD4<Float>.self) * weights[weight]
              from += pixel
              weight += 1
            }
            target.storeBytes(of: sum, toByteOffset: x * pixel, as: SIMD4<Float>.self)
          }
        }
      }
    }
  }

  /// The weighted sum of the narrowed rows of one output row.
  private func sum(
    _ input: UnsafeMutablePointer<Float>, row: Int, length: Int, into sums: UnsafeMutablePointer<Float>
  ) {
    let first = rows.inputs.lowerBound
    for tap in 0..<rows.counts[row] {
      let weight = rows.weights[rows.offsets[row] + tap]
      let line = input + (rows.starts[row] + tap - first) * length
      if tap == 0 {
        for k in 0..<length { sums[k] = weight * line[k] }
      } else {
        for k in 0..<length { sums[k] += weight * line[k] }
      }
    }
  }

  /// `⌊x + ½⌋`, at most 255: the weights' sum may be above 1 by a rounding error.
  private static func round(
    _ sums: UnsafeMutablePointer<Float>, count: Int, into bytes: UnsafeMutablePointer<UInt8>
  ) {
    for k in 0..<count {
      let value = min(sums[k] + 0.5, 255)
      // Beside 2²³ there is room for whole numbers only, which are the lowest bits; rounded to even, so perhaps one too high.
      let shifted = value + 0x1p23
      let excess: UInt32 = shifted - 0x1p23 > value ? 1 : 0
      bytes[k] = UInt8(truncatingIfNeeded: shifted.bitPattern &- excess)
    }
  }
}

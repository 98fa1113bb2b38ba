// SPDX-License-Identifier: Apache-2.0

/// An image brought to another size, or a part of it: along columns, then along rows.
///
/// The sums are kept in Float between the two passes and rounded to bytes once, half up. All operations are in a fixed order, so
/// every machine gives the same bytes. Memory is a few rows of outputs, whatever the sizes: rows of the input come one after
/// another, and each is added to the outputs that it is part of.
struct Resampling {
  let rows: ResampleAxis
  let columns: ResampleAxis

  /// The most rows of outputs that are summed at a time; where an image grows so much that a row of it is part of more, the
  /// outputs are made in groups.
  private static let mostRows = 64

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

    /// Gives the memory back if it is more than so many bytes.
    func release(above bytes: Int) {
      guard memory.count * MemoryLayout<Float>.size > bytes else { return }
      memory.deallocate()
      memory = UnsafeMutableBufferPointer(start: nil, count: 0)
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
    guard length > 0, !rows.inputs.isEmpty, let source = input.baseAddress, let target = output.baseAddress
    else { return }
    let shared = mostOutputsOfARow
    let (lines, group) =
      shared <= Self.mostRows ? (shared, rows.starts.count) : (Self.mostRows, Self.mostRows)
    // A row of the input, the narrowed row, and the sums; pixels are handled four numbers at a time, hence the rest.
    let room = scratch.room(wide + 4 + length + 4 + lines * length)
    guard let wideRow = room.baseAddress else { return }
    let narrowed = wideRow + wide + 4
    let sums = narrowed + length + 4
    for first in Swift.stride(from: 0, to: rows.starts.count, by: group) {
      let outputs = first..<min(first + group, rows.starts.count)
      // Those before `done` are made, those from `next` on are not begun.
      var (done, next) = (first, first)
      for row in rows.starts[first]..<end(of: outputs.upperBound - 1) {
        let place = skipping.rows + row - rows.inputs.lowerBound
        let start = source + place * stride + skipping.columns * channels
        for k in 0..<wide { wideRow[k] = Float(start[k]) }
        if channels == 3 {
          narrowColors(wideRow, into: narrowed)
        } else {
          narrow(wideRow, channels: channels, into: narrowed)
        }
        while next < outputs.upperBound, rows.starts[next] <= row { next += 1 }
        for output in done..<next {
          add(narrowed, of: row, to: output, length: length, sums: sums + output % lines * length)
        }
        while done < next, end(of: done) == row + 1 {
          Self.round(sums + done % lines * length, count: length, into: target + done * length)
          done += 1
        }
      }
    }
  }

  /// Where the input rows of an output end; like where they start, it never falls from one output to the next.
  private func end(of output: Int) -> Int { rows.starts[output] + rows.counts[output] }

  /// The most outputs that one row of the input is part of.
  private var mostOutputsOfARow: Int {
    var (most, first) = (1, 0)
    for output in rows.starts.indices {
      while end(of: first) <= rows.starts[output] { first += 1 }
      most = max(most, output - first + 1)
    }
    return most
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
    // The four floats behind the narrowed row are spare.
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

  /// Adds a narrowed row of the input, with its weight, to the sums of an output row.
  private func add(
    _ line: UnsafeMutablePointer<Float>, of row: Int, to output: Int, length: Int,
    sums: UnsafeMutablePointer<Float>
  ) {
    let tap = row - rows.starts[output]
    let weight = rows.weights[rows.offsets[output] + tap]
    if tap == 0 {
      for k in 0..<length { sums[k] = weight * line[k] }
    } else {
      for k in 0..<length { sums[k] += weight * line[k] }
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

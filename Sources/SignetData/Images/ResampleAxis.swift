// SPDX-License-Identifier: Apache-2.0

/// Which pixels each output of one axis is made of, and with what weights: bilinear, with antialiasing where it shrinks.
///
/// Output `i` is `Σ_j w_ij in(j)`, where `w_ij` is the triangle `max(0, 1 − |j + ½ − o − (i + ½) s| / max(s, 1))` divided by its
/// sum over the source, `o` the source's origin and `s` = extent of the source / target.
struct ResampleAxis {
  /// The first pixel of each output.
  private(set) var starts: [Int] = []
  /// How many pixels each output has.
  private(set) var counts: [Int] = []
  /// The weights of all outputs, one after another; those of an output sum to 1.
  private(set) var weights: [Float] = []
  /// Where each output's weights start.
  private(set) var offsets: [Int] = []

  /// The pixels that any output needs.
  var inputs: Range<Int> {
    let first = starts.first ?? 0
    return first..<max(first, (starts.last ?? 0) + (counts.last ?? 0))
  }

  /// - Parameters:
  ///   - source: where the source begins and ends, in pixels of the axis; may lie between pixels.
  ///   - limit: how many pixels the axis has.
  ///   - target: how many outputs the source is worth.
  ///   - outputs: which of them are wanted.
  init(source: Range<Double>, limit: Int, target: Int, outputs: Range<Int>) {
    let base = Int(source.lowerBound.rounded(.down))
    let origin = source.lowerBound - Double(base)
    let size = min(limit, Int(source.upperBound.rounded(.up))) - base
    let scale = (source.upperBound - source.lowerBound) / Double(target)
    let support = max(scale, 1)
    starts.reserveCapacity(outputs.count)
    counts.reserveCapacity(outputs.count)
    offsets.reserveCapacity(outputs.count)
    weights.reserveCapacity(outputs.count * (Int(2 * support) + 2))
    for output in outputs {
      let center = origin + (Double(output) + 0.5) * scale
      let start = min(max(Int((center - support).rounded(.down)), 0), size - 1)
      let end = max(min(Int((center + support).rounded(.up)), size), start + 1)
      func triangle(_ pixel: Int) -> Double { max(0, 1 - abs(Double(pixel) + 0.5 - center) / support) }
      var sum = 0.0
      for pixel in start..<end { sum += triangle(pixel) }
      starts.append(base + start)
      counts.append(end - start)
      offsets.append(weights.count)
      for pixel in start..<end { weights.append(Float(triangle(pixel) / sum)) }
    }
  }
}

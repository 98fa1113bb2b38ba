// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Layers around the depth up to which sums and intervals of one plane fit 16 bits: K < 16384.
///
/// Oracle: the interpreter, bit for bit, with every instruction set; sums reach from 0 to K.
struct EngineShortLevelTests {
  private static let crews = EngineComparison.crews.filter { $0.pool.threads == 2 }

  @Test(arguments: [
    (9216, 6, 256, 0), (16383, 1, 16383, 0), (16384, 8, 256, 0), (16416, 3, 1824, 0), (9216, 6, 256, 2),
    (16128, 3, 1792, 1),
  ])
  func depths(depth: Int, side: Int, channels: Int, padding: Int) throws {
    #expect(side * side * channels == depth)
    for pooled in [false, true] {
      let (model, random) = try Self.model(
        side: side, channels: channels, padding: padding, pooled: pooled, seed: UInt64(depth))
      let pixels = side * side
      var generator = random
      // All bits +1, all −1, and a mixture.
      let images =
        Array(repeating: Float(1), count: pixels) + Array(repeating: Float(-1), count: pixels)
        + (0..<pixels).map { _ in generator.uniform(-0.5, 0.5) }
      try EngineComparison(model, inputs: images, "K = \(depth), padding \(padding), pooled \(pooled)")
        .check(crews: Self.crews, batches: [3])
    }
  }

  /// A layer of 70 filters, with weights all +1, all −1 and random; thresholds at both ends, in the middle, anywhere.
  private static func model(
    side: Int, channels: Int, padding: Int, pooled: Bool, seed: UInt64
  ) throws -> (CompactModel, SplitMix64) {
    var random = SplitMix64(seed: seed)
    let filters = 70
    let input = FeatureShape(height: side, width: side, channels: 1)
    var builder = CompactModelBuilder(
      network: "short", method: "tang",
      preprocessing: Preprocessing(height: side, width: side, channels: 1, mean: [0], deviation: [1]),
      classNames: [])
    var first = Operator(.convolution, "first")
    (first.filters, first.kernel) = (channels, [1, 1])
    builder.add(first)
    builder.add(
      "first.weight", shape: [channels, 1, 1, 1], floats: Array(repeating: 1, count: channels))
    builder.add(
      "first.bias", shape: [channels], floats: (0..<channels).map { _ in random.uniform(-0.5, 0.5) })
    var sign = Operator(.binarize, "sign")
    sign.planes = [1]
    builder.add(sign)

    let hidden = try #require(
      Window(
        input: input, kernel: (side, side), stride: (1, 1), padding: (padding, padding), rounding: .down))
    builder.add(Operator(.binaryConvolution, "deep", window: hidden, filters: filters))
    let depth = hidden.taps * channels
    var words = [UInt32](repeating: 0, count: (filters * depth + 31) / 32)
    for filter in 0..<filters {
      for bit in filter * depth..<(filter + 1) * depth {
        let positive = filter % 3 == 0 ? random.next() & 1 == 1 : filter % 3 == 1
        if positive { words[bit / 32] |= 1 << UInt32(bit % 32) }
      }
    }
    builder.add("deep.weight", words: words)
    let bound = Int32(depth)
    func place() -> Int32 {
      switch random.index(below: 8) {
      case 0: -bound
      case 1: bound + 1
      case 2: bound - Int32(random.index(below: 3))
      case 3: -bound + Int32(random.index(below: 3))
      case 4, 5: Int32(random.index(below: 401)) - 200
      default: Int32(random.index(below: 2 * depth + 2)) - bound
      }
    }
    builder.add(Operator(.threshold, "threshold"))
    builder.add(
      "threshold.interval", shape: [2, filters], integers: (0..<2 * filters).map { _ in place() },
      bound: bound)

    var shape = FeatureShape(height: hidden.outHeight, width: hidden.outWidth, channels: filters)
    if pooled {
      let window = try #require(
        Window(input: shape, kernel: (2, 2), stride: (2, 2), padding: (1, 1), rounding: .up))
      builder.add(Operator(.maxPool, "pool", window: window))
      builder.add("pool.inverted", words: (0..<3).map { _ in UInt32(truncatingIfNeeded: random.next()) })
      shape = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
    }
    var last = Operator(.binaryConvolution, "last")
    (last.filters, last.kernel) = (5, [1, 1])
    builder.add(last)
    builder.add(
      "last.weight",
      words: (0..<(5 * filters + 31) / 32).map { _ in UInt32(truncatingIfNeeded: random.next()) })
    return (try CompactModel(bytes: builder.encoded(), path: "short.signet"), random)
  }
}

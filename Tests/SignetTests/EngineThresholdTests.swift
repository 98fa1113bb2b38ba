// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// What turns accumulators into bits, where it is delicate.
///
/// Oracle: the interpreter, bit for bit.
struct EngineThresholdTests {
  /// Stored thresholds, alone and pooled with inverted channels.
  @Test(arguments: [nil, (3, 2, 0), (3, 2, 1), (2, 2, 0), (2, 1, 1)])
  func storedThresholds(pool: (kernel: Int, stride: Int, padding: Int)?) throws {
    for channels in [1, 15, 16, 17, 31, 32, 33, 64, 65] {
      var maker = ModelMaker(seed: UInt64(channels), height: 6, width: 5, channels: 1)
      maker.convolution(5)
      maker.binarize()
      maker.binaryConvolution(channels, kernel: (3, 3), padding: (1, 1))
      maker.threshold()
      if let pool {
        maker.maxPool(
          kernel: (pool.kernel, pool.kernel), stride: (pool.stride, pool.stride),
          padding: (pool.padding, pool.padding), codes: true)
      }
      maker.binaryConvolution(7, kernel: (2, 2))
      let model = try maker.model()
      try EngineComparison(model, inputs: maker.images(5), "\(channels) channels").check(batches: [4])
    }
  }

  /// All accumulators of a layer meet all zero crossings of another: K = 9, shifts of every half and whole number.
  @Test func thresholdsHitExactly() throws {
    let (channels, filters) = (9, 64)
    var random = SplitMix64(seed: 3)
    for scale in [Float(1), -1, 0.3, -0.7] {
      var builder = CompactModelBuilder(
        network: "exact", method: "tang",
        preprocessing: Preprocessing(height: 16, width: 32, channels: 1, mean: [0], deviation: [1]),
        classNames: [])
      builder.add(Self.pointwise(.convolution, "first", filters: channels))
      builder.add(
        "first.weight", shape: [channels, 1, 1, 1], floats: (0..<channels).map { Float(1 << $0) })
      // Pixel p of the image is p; channel c of its code is the sign of p·2^c mod 2^9 as below: bit patterns vary.
      builder.add(
        "first.bias", shape: [channels], floats: (0..<channels).map { -Float(200 * (1 << $0)) + Float($0) })
      var sign = Operator(.binarize, "sign")
      sign.planes = [1]
      builder.add(sign)
      builder.add(Self.pointwise(.binaryConvolution, "binary", filters: filters))
      builder.add(
        "binary.weight",
        words: (0..<channels * filters / 32).map { _ in UInt32(truncatingIfNeeded: random.next()) })
      builder.add(Operator(.affine, "norm"))
      builder.add("norm.scale", shape: [filters], floats: Array(repeating: scale, count: filters))
      // −(c − 32)/2 · scale: zero at (c − 32)/2, each accumulator once.
      builder.add(
        "norm.shift", shape: [filters], floats: (0..<filters).map { -scale * Float($0 - 32) / 2 })
      var codes = Operator(.binarize, "code")
      (codes.planes, codes.exponent) = ([4, 2, 1], 1)
      builder.add(codes)
      builder.add(Self.pointwise(.binaryConvolution, "last", filters: 3))
      builder.add("last.weight", words: (0..<6).map { _ in UInt32(truncatingIfNeeded: random.next()) })
      let model = try CompactModel(bytes: builder.encoded(), path: "exact.signet")
      let image = (0..<512).map { _ in Float(random.index(below: 401)) }
      try EngineComparison(model, inputs: image, "scale \(scale)").check(batches: [1])
    }
  }

  private static func pointwise(_ op: Operator.Kind, _ name: String, filters: Int) -> Operator {
    var entry = Operator(op, name)
    (entry.filters, entry.kernel) = (filters, [1, 1])
    return entry
  }

  /// Slopes so large that an activation is infinite: the pool of 0 · ∞ is not a pool of levels.
  @Test func infiniteActivations() throws {
    for scale in [Float(0), 1, -1] {
      var builder = CompactModelBuilder(
        network: "infinite", method: "tang",
        preprocessing: Preprocessing(height: 4, width: 4, channels: 1, mean: [0], deviation: [1]),
        classNames: [])
      builder.add(Self.pointwise(.convolution, "first", filters: 2))
      builder.add("first.weight", shape: [2, 1, 1, 1], floats: [1, -1])
      builder.add("first.bias", shape: [2], floats: [0.5, 0.25])
      var sign = Operator(.binarize, "sign")
      sign.planes = [1]
      builder.add(sign)
      builder.add(Self.pointwise(.binaryConvolution, "binary", filters: 4))
      builder.add("binary.weight", words: [0b0110_1100])
      builder.add(Operator(.prelu, "prelu"))
      builder.add("prelu.slope", shape: [4], floats: [-3e38, 3e38, 1, -2])
      var pool = Operator(.maxPool, "pool")
      (pool.kernel, pool.stride) = ([2, 2], [2, 2])
      builder.add(pool)
      builder.add(Operator(.affine, "norm"))
      builder.add("norm.scale", shape: [4], floats: Array(repeating: scale, count: 4))
      builder.add("norm.shift", shape: [4], floats: [1, -1, 0, 0.5])
      sign.name = "sign2"
      builder.add(sign)
      builder.add(Self.pointwise(.binaryConvolution, "last", filters: 3))
      builder.add("last.weight", words: [0b1010_0110_1100])
      let model = try CompactModel(bytes: builder.encoded(), path: "infinite.signet")
      var random = SplitMix64(seed: 9)
      let images = (0..<16 * 5).map { _ in Float(random.index(below: 5) - 2) }
      try EngineComparison(model, inputs: images, "scale \(scale)").check(batches: [4])
    }
  }

  /// Inputs that are not numbers give −1 in every path, and no logit of a binary layer depends on how.
  @Test func inputsThatAreNotNumbers() throws {
    var maker = ModelMaker(seed: 1, height: 4, width: 4, channels: 1)
    maker.maxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), codes: false)
    maker.binarize(planes: [2, 1])
    maker.binaryConvolution(10, kernel: (2, 2))
    let model = try maker.model()
    let special: [Float] = [.nan, .infinity, -.infinity, -0.0, 0, .greatestFiniteMagnitude, 0x1p-149, -1]
    try EngineComparison(model, inputs: special + special + special.reversed() + special, "special")
      .check(batches: [1, 2])
  }
}

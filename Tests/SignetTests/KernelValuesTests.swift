// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// What a layer reads in training: reals or 16-bit accumulators, through an activation function that is still to come.
///
/// Oracle: plain loops on the activated values, bit for bit, in the documented order.
struct KernelValuesTests {
  private static let channelCounts = [1, 15, 16, 17, 33, 100]
  private static let tables = ISA.available.compactMap { $0.kernels?.pointee }
  private static let rows = 21

  /// Values of one kind with slopes of any sign, or none.
  struct Sample {
    var channels: Int
    var reals: [Float] = []
    var shorts: [Int16]?
    var slopes: [Float]?

    init(rows: Int, channels: Int, areShort: Bool, hasSlopes: Bool, seed: UInt64) {
      var random = SplitMix64(seed: seed)
      self.channels = channels
      if hasSlopes {
        slopes = (0..<channels).map { [-0.75, 0, 0.25, 1.5, -0.0][$0 % 5] * random.uniform(0.5, 1) }
      }
      let limits: [Int16] = [0, -1, 1, .max, -.max, .min]
      if areShort {
        shorts = (0..<rows * channels).map { _ in
          random.index(below: 8) == 0
            ? limits[random.index(below: 6)] : Int16(random.index(below: 41) - 20)
        }
        reals = shorts.map { $0.map(Float.init) } ?? []
      } else {
        reals = (0..<rows * channels).map { _ in
          [0, -0.0, random.uniform(-1, 1) * 0x1p-130, random.uniform(-3, 3)][min(3, random.index(below: 9))]
        }
      }
    }

    /// `x ≥ 0 ? x : s·x`.
    var activated: [Float] {
      guard let slopes else { return reals }
      return reals.enumerated().map { $1 >= 0 ? $1 : slopes[$0 % channels] * $1 }
    }

    func withKernelValues<Result>(_ body: (UnsafePointer<sk_values>) -> Result) -> Result {
      if let shorts { return withValues(shorts, channels: channels, slopes: slopes, body) }
      return withValues(reals, channels: channels, slopes: slopes, body)
    }
  }

  private static func forEachKind(
    channels: Int, rows: Int = rows, _ body: (Sample, _ place: String) -> Void
  ) {
    for areShort in [false, true] {
      for hasSlopes in [false, true] {
        let sample = Sample(
          rows: rows, channels: channels, areShort: areShort, hasSlopes: hasSlopes,
          seed: UInt64(channels * 4 + (areShort ? 2 : 0) + (hasSlopes ? 1 : 0)))
        body(sample, "\(areShort ? "shorts" : "reals")\(hasSlopes ? " with slopes" : "")")
      }
    }
  }

  private static func reals(_ count: Int, seed: UInt64) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in random.index(below: 7) == 0 ? 0 : random.uniform(-2, 2) }
  }

  /// Rows [2, rows) are those that are asked for.
  @Test(arguments: channelCounts)
  func sumsAndPlainValues(channels: Int) {
    Self.forEachKind(channels: channels) { sample, place in
      let (values, pivot) = (sample.activated, Self.reals(channels, seed: 61))
      // Numbers that bfloat16 has as well.
      let dz = Self.reals(values.count, seed: 62).map { widened(bfloat16($0)) }
      let shortDz = dz.map(bfloat16)
      let zeros = [Float](repeating: 0, count: channels)
      var (sum, square, total, product) = (zeros, zeros, zeros, zeros)
      for i in 2 * channels..<values.count {
        let c = i % channels
        let d = values[i] - pivot[c]
        sum[c] += d
        square[c] = square[c].addingProduct(d, d)
        total[c] += dz[i]
        product[c] = product[c].addingProduct(d, dz[i])
      }
      for table in Self.tables {
        sample.withKernelValues { kernelValues in
          var (a, b) = (pivot, pivot)
          table.moments(kernelValues, pivot, &a, &b, 2, Self.rows)
          expectSameBits(a, sum, "moments, \(place), \(table.isa)")
          expectSameBits(b, square, "squares, \(place), \(table.isa)")
          for kind in [sk_precision.float32, .bfloat16] {
            if kind == .float32 {
              table.norm_gradient_sums(kernelValues, dz, kind, pivot, &a, &b, 2, Self.rows)
            } else {
              table.norm_gradient_sums(kernelValues, shortDz, kind, pivot, &a, &b, 2, Self.rows)
            }
            expectSameBits(a, total, "norm_gradient_sums of \(kind), \(place), \(table.isa)")
            expectSameBits(b, product, "products of \(kind), \(place), \(table.isa)")
          }
          var plain = [Float](repeating: .nan, count: values.count)
          table.plain_values(kernelValues, &plain, 2, Self.rows)
          expectSameBits(
            plain, values.enumerated().map { $0 < 2 * channels ? .nan : $1 },
            "plain_values, \(place), \(table.isa)")
        }
      }
    }
  }

  @Test(arguments: channelCounts, 1...4)
  func codes(channels: Int, planes: Int) {
    let (scale, shift) = (Self.reals(channels, seed: 63), Self.reals(channels, seed: 64))
    let betas = Array([Float(1), 0.5, 0.25, 0.375].prefix(planes))
    let layout = CodeLayout(channels: channels)
    Self.forEachKind(channels: channels) { sample, place in
      var codes = [UInt32](repeating: 0, count: Self.rows * planes * layout.words)
      var mask = [UInt32](repeating: 0, count: Self.rows * layout.words)
      var lanes = [Float](repeating: 0, count: 16)
      for (i, value) in sample.activated.enumerated() {
        let (row, c) = i.quotientAndRemainder(dividingBy: channels)
        let (word, bit) = layout.position(of: c)
        var z = shift[c].addingProduct(scale[c], value)
        if abs(z) <= 1 { mask[row * layout.words + word] |= 1 << UInt32(bit) }
        for (m, beta) in betas.enumerated() {
          if z >= 0 { codes[(row * planes + m) * layout.words + word] |= 1 << UInt32(bit) }
          z = z >= 0 ? z - beta : z + beta
        }
        lanes[c % 16] += abs(z)
      }
      let magnitude = lanes.reduce(0, +)
      let encoder = BitEncoder(layout: layout, scale: scale, shift: shift, betas: betas)
      for crew in EngineComparison.crews where crew.pool.threads == 2 {
        sample.withKernelValues { values in
          var (found, foundMask) = (codes.map { ~$0 }, mask.map { ~$0 })
          encoder.run(values.pointee, rows: Self.rows, to: &found, mask: &foundMask, on: crew)
          expectEqual(found, codes, "encode, \(place), \(crew.table.isa)")
          expectEqual(foundMask, mask, "mask, \(place), \(crew.table.isa)")
          let sum = crew.kernels.residual_magnitude(values, scale, shift, betas, planes, 0, Self.rows)
          expectSameBits([sum], [magnitude], "residual_magnitude, \(place), \(crew.table.isa)")
        }
      }
    }
  }

  /// Kinds of dz and of the result; one may take the other's place if they are the same.
  private static let kinds: [(dz: sk_precision, result: sk_precision, inPlace: Bool)] = [
    (.float32, .float32, false), (.float32, .bfloat16, false), (.bfloat16, .float32, false),
    (.bfloat16, .bfloat16, false), (.float32, .float32, true), (.bfloat16, .bfloat16, true),
  ]

  /// `g = gain·dz + tilt·(x − mean) + offset`, then the function's own derivative, into floats or bfloat16.
  @Test(arguments: channelCounts)
  func normGradient(channels: Int) {
    let parameters = (0..<4).map { AlignedBuffer(Self.reals(channels, seed: 65 + $0)) }
    let (mean, gain) = (parameters[0].pointer, parameters[1].pointer)
    let (tilt, offset) = (parameters[2].pointer, parameters[3].pointer)
    defer { withExtendedLifetime(parameters) {} }
    Self.forEachKind(channels: channels) { sample, place in
      let dz = Self.reals(sample.reals.count, seed: 69).map { widened(bfloat16($0)) }
      var slopeGradient = [Float](repeating: 0, count: channels)
      let dx = sample.activated.enumerated().map { i, value -> Float in
        let (c, raw) = (i % channels, sample.reals[i])
        let g = offset[c].addingProduct(tilt[c], value - mean[c]).addingProduct(gain[c], dz[i])
        guard let slopes = sample.slopes else { return g }
        slopeGradient[c] += raw > 0 ? 0 : raw * g
        return raw > 0 ? g : slopes[c] * g
      }
      for table in Self.tables {
        for (dzKind, kind, inPlace) in Self.kinds {
          // Where dz lies, and where the result goes.
          let buffers = [AlignedBuffer<Float>(count: dx.count), AlignedBuffer<Float>(count: dx.count)]
          let (source, output) = (buffers[0], inPlace ? buffers[0] : buffers[1])
          let shortSource = UnsafeMutableRawPointer(source.pointer).assumingMemoryBound(to: UInt16.self)
          for (at, value) in dz.enumerated() {
            if dzKind == .float32 { source.pointer[at] = value } else { shortSource[at] = bfloat16(value) }
          }
          var sums = [Float](repeating: .nan, count: channels)
          sample.withKernelValues { values in
            var call = sk_norm_gradient(
              input: values.pointee, dz_kind: dzKind, dz: source.pointer, mean: mean, gain: gain, tilt: tilt,
              offset: offset, kind: kind, output: output.pointer)
            table.norm_gradient(&call, 0, Self.rows, &sums)
          }
          let place =
            "norm_gradient, \(place), \(dzKind) to \(kind)\(inPlace ? " in place" : ""), \(table.isa)"
          if kind == .float32 {
            expectSameBits(output.array, dx, place)
          } else {
            let shorts = UnsafeRawPointer(output.pointer).assumingMemoryBound(to: UInt16.self)
            expectEqual(dx.indices.map { shorts[$0] }, dx.map(bfloat16), place)
          }
          // Without a function its gradient is left alone.
          expectSameBits(
            sums, sample.slopes == nil ? sums.map { _ in .nan } : slopeGradient, "\(place): slopes")
          withExtendedLifetime(buffers) {}
        }
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Passes over rows of channels, on every instruction set.
///
/// Oracle: plain loops, bit for bit, in the documented order.
struct KernelElementwiseTests {
  private static let channelCounts = [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]
  private static let tables = ISA.available.compactMap { $0.kernels?.pointee }
  /// Two groups of rows that are summed together, and a part of one.
  private let rows = 21

  /// Values with zeros of both signs, denormals and long mantissas.
  private static func reals(_ count: Int, _ random: inout SplitMix64) -> [Float] {
    (0..<count).map { _ in
      switch random.index(below: 8) {
      case 0: 0
      case 1: -0.0
      case 2: random.uniform(-1, 1) * 0x1p-130
      default: random.uniform(-3, 3)
      }
    }
  }

  @Test(arguments: channelCounts)
  func forwardPasses(channels: Int) {
    var random = SplitMix64(seed: UInt64(channels))
    let x = Self.reals(rows * channels, &random)
    let (scale, shift) = (Self.reals(channels, &random), Self.reals(channels, &random))
    var sums = [Float](repeating: 0, count: channels)
    for (i, value) in x.enumerated() { sums[i % channels] += value }
    for table in Self.tables {
      var y = x
      table.affine(x, scale, shift, &y, rows, channels)
      expectSameBits(
        y, x.enumerated().map { shift[$0 % channels].addingProduct(scale[$0 % channels], $1) },
        "affine, \(table.isa)")
      table.prelu(x, scale, &y, rows, channels)
      expectSameBits(
        y, x.enumerated().map { $1 >= 0 ? $1 : scale[$0 % channels] * $1 }, "prelu, \(table.isa)")
      var found = scale
      table.column_sums(x, &found, rows, channels)
      expectSameBits(found, sums, "column_sums, \(table.isa)")
    }
  }

  @Test(arguments: channelCounts)
  func normalisation(channels: Int) {
    var random = SplitMix64(seed: UInt64(channels))
    let (x, dz) = (Self.reals(rows * channels, &random), Self.reals(rows * channels, &random))
    let mean = Self.reals(channels, &random)
    let (gain, slope) = (Self.reals(channels, &random), Self.reals(channels, &random))
    let offset = Self.reals(channels, &random)
    let zeros = [Float](repeating: 0, count: channels)
    var (sum, square, total, product) = (zeros, zeros, zeros, zeros)
    var dx = x
    for (i, value) in x.enumerated() {
      let c = i % channels
      let d = value - mean[c]
      sum[c] += d
      square[c] = square[c].addingProduct(d, d)
      total[c] += dz[i]
      product[c] = product[c].addingProduct(d, dz[i])
      dx[i] = offset[c].addingProduct(slope[c], d).addingProduct(gain[c], dz[i])
    }
    for table in Self.tables {
      var (first, second) = (mean, mean)
      withValues(x, channels: channels) { table.moments($0, mean, &first, &second, 0, rows) }
      expectSameBits(first, sum, "moments, \(table.isa)")
      expectSameBits(second, square, "moments' squares, \(table.isa)")
      withValues(x, channels: channels) {
        table.norm_gradient_sums($0, dz, .float32, mean, &first, &second, 0, rows)
      }
      expectSameBits(first, total, "norm_gradient_sums, \(table.isa)")
      expectSameBits(second, product, "norm_gradient_sums' products, \(table.isa)")
      var found = x
      withValues(x, channels: channels) { values in
        found.withUnsafeMutableBufferPointer { found in
          withPointers(dz, mean, gain, slope, offset) { dz, mean, gain, slope, offset in
            guard let output = found.baseAddress else { return }
            var call = sk_norm_gradient(
              input: values.pointee, dz_kind: .float32, dz: dz, mean: mean, gain: gain, tilt: slope,
              offset: offset,
              kind: .float32, output: output)
            var unused: Float = 0
            table.norm_gradient(&call, 0, rows, &unused)
          }
        }
      }
      expectSameBits(found, dx, "norm_gradient, \(table.isa)")
    }
  }

  @Test(arguments: channelCounts)
  func preluBackward(channels: Int) {
    var random = SplitMix64(seed: UInt64(channels))
    let (x, dy) = (Self.reals(rows * channels, &random), Self.reals(rows * channels, &random))
    let slope = Self.reals(channels, &random)
    let start = Self.reals(channels, &random)
    var gradient = start
    var dx = x
    for (i, value) in x.enumerated() {
      let c = i % channels
      dx[i] = value > 0 ? dy[i] : slope[c] * dy[i]
      gradient[c] += value > 0 ? 0 : value * dy[i]
    }
    for table in Self.tables {
      var (found, foundGradient) = (x, start)
      table.prelu_backward(x, slope, dy, &found, &foundGradient, rows, channels)
      expectSameBits(found, dx, "prelu_backward, \(table.isa)")
      expectSameBits(foundGradient, gradient, "prelu_backward's slopes, \(table.isa)")
    }
  }

  /// Oracle: the formulas of Kingma and Ba's algorithm 1, element by element.
  @Test(arguments: channelCounts)
  func adam(count: Int) {
    var random = SplitMix64(seed: UInt64(count))
    for (decay, clip) in [(Float(0), Float.infinity), (-5e-4, 1), (0.1, 0.5)] {
      var step = sk_adam(
        step_size: 0.3, beta1: 0.9, beta2: 0.999, second_correction: 31.6, epsilon: 1e-8, decay: decay,
        clip: clip)
      let (start, gradient) = (Self.reals(count, &random), Self.reals(count, &random))
      let (first, second) = (Self.reals(count, &random), Self.reals(count, &random).map(abs))
      var (weights, newFirst, newSecond) = (start, first, second)
      var changed = 0
      for i in 0..<count {
        let g = gradient[i].addingProduct(decay, start[i])
        newFirst[i] = (0.9 * first[i]).addingProduct(1 - step.beta1, g)
        newSecond[i] = (step.beta2 * second[i]).addingProduct((1 - step.beta2) * g, g)
        let divisor = newSecond[i].squareRoot() * step.second_correction + step.epsilon
        weights[i] = min(max(start[i] - step.step_size * newFirst[i] / divisor, -clip), clip)
        if (start[i] >= 0) != (weights[i] >= 0) { changed += 1 }
      }
      for table in Self.tables {
        var (w, m, v) = (start, first, second)
        #expect(table.adam(&step, &w, gradient, &m, &v, count) == changed)
        expectSameBits(w, weights, "adam's weights, \(table.isa)")
        expectSameBits(m, newFirst, "adam's first moments, \(table.isa)")
        expectSameBits(v, newSecond, "adam's second moments, \(table.isa)")
      }
    }
  }

  /// A gradient that is not finite, or whose square is not, leaves no number behind; all others do.
  @Test func adamKeepsNoNumberOfABadGradient() {
    let gradient: [Float] = [
      1, .nan, .infinity, -.infinity, 1e21, -3e38, 1e18, -1e18, 0, 0, Float(bitPattern: 0x7FFF_FFFF),
    ]
    let count = gradient.count
    var step = sk_adam(
      step_size: 0.3, beta1: 0.9, beta2: 0.999, second_correction: 31.6, epsilon: 1e-8, decay: 0, clip: 1)
    for table in Self.tables {
      var (w, m) = ([Float](repeating: 0.5, count: count), [Float](repeating: 0, count: count))
      var v = m
      (v[8], v[9]) = (.infinity, .nan)
      _ = table.adam(&step, &w, gradient, &m, &v, count)
      #expect(w.indices.filter { !w[$0].isFinite } == [1, 2, 3, 4, 5, 8, 9, 10], "\(table.isa): \(w)")
      expectSameBits(w.filter(\.isNaN), Array(repeating: Float(bitPattern: 0x7FC0_0000), count: 8), "NaN")
    }
  }
}

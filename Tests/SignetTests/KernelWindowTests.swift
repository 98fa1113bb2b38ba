// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Patches, their transpose, and pools with gradients, on every instruction set.
///
/// Oracle: plain loops over the pixels that a window names, bit for bit.
struct KernelWindowTests {
  private static let channelCounts = [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]
  private static let tables = ISA.available.compactMap { $0.kernels?.pointee }
  private static let images = 2

  private static func windows(_ rounding: Window.Rounding) -> [Window] {
    let image = FeatureShape(height: 5, width: 4, channels: 1)
    let sizes = [
      ((3, 3), (1, 1), (1, 1)), ((3, 3), (2, 2), (0, 0)), ((2, 3), (2, 1), (1, 2)), ((1, 1), (1, 1), (0, 0)),
      ((5, 4), (1, 1), (0, 0)), ((3, 2), (3, 3), (2, 1)), ((5, 5), (2, 2), (2, 2)),
    ]
    return sizes.compactMap { kernel, stride, padding in
      Window(input: image, kernel: kernel, stride: stride, padding: padding, rounding: rounding)
    }
  }

  private static func reals(_ count: Int, _ random: inout SplitMix64) -> [Float] {
    (0..<count).map { _ in random.index(below: 3) == 0 ? Float(random.index(below: 3)) : random.uniform(-2, 2)
    }
  }

  @Test(arguments: channelCounts)
  func patchesOfReals(channels: Int) {
    var random = SplitMix64(seed: UInt64(channels))
    for window in Self.windows(.down) {
      // The group starts in the middle of a wider pixel.
      let stride = channels + 3
      let x = Self.reals(Self.images * window.inPixels * stride, &random)
      var expected: [Float] = []
      for image in 0..<Self.images {
        for position in 0..<window.outPixels {
          for pixel in window.pixels(at: position) {
            expected += (0..<channels).map { c in
              pixel.map { x[(image * window.inPixels + $0) * stride + 2 + c] } ?? 0
            }
          }
        }
      }
      for table in Self.tables {
        var found = [Float](repeating: .nan, count: expected.count)
        let (rows, cut) = (Self.images * window.outPixels, Int(random.index(below: 5)) % window.outPixels)
        let width = window.taps * channels
        x.withUnsafeBufferPointer { x in
          found.withUnsafeMutableBufferPointer { found in
            guard let from = x.baseAddress, let to = found.baseAddress else { return }
            var call = sk_patches(
              window: window.cValue, reals: from + 2, bits: nil, pixel_stride: UInt32(stride), plane_words: 0,
              planes: 1, channels: UInt32(channels), betas: nil)
            table.patches(&call, 0, cut, to)
            table.patches(&call, cut, rows, to + cut * width)
          }
        }
        expectSameBits(found, expected, "\(window), \(table.isa)")
      }
    }
  }

  @Test(arguments: channelCounts, 1...4)
  func patchesOfBits(channels: Int, planes: Int) {
    var random = SplitMix64(seed: UInt64(channels + 1000 * planes))
    let betas = Array([Float(1), 0.5, 0.3, 0.125].prefix(planes))
    let layout = CodeLayout(channels: channels)
    let stride = layout.words * planes
    for window in Self.windows(.down) {
      let bits = (0..<Self.images * window.inPixels * stride).map { _ in
        UInt32(truncatingIfNeeded: random.next())
      }
      var expected: [Float] = []
      for image in 0..<Self.images {
        for position in 0..<window.outPixels {
          for pixel in window.pixels(at: position) {
            expected += (0..<channels).map { c in
              guard let pixel else { return 0 }
              let (word, bit) = layout.position(of: c)
              return betas.enumerated().reduce(0) { sum, plane in
                let at = (image * window.inPixels + pixel) * stride + plane.offset * layout.words + word
                return sum + (bits[at] >> UInt32(bit) & 1 == 1 ? plane.element : -plane.element)
              }
            }
          }
        }
      }
      for table in Self.tables {
        var found = [Float](repeating: .nan, count: expected.count)
        bits.withUnsafeBufferPointer { bits in
          betas.withUnsafeBufferPointer { betas in
            var call = sk_patches(
              window: window.cValue, reals: nil, bits: bits.baseAddress, pixel_stride: UInt32(stride),
              plane_words: UInt32(layout.words), planes: UInt32(planes), channels: UInt32(channels),
              betas: betas.baseAddress)
            table.patches(&call, 0, Self.images * window.outPixels, &found)
          }
        }
        expectSameBits(found, expected, "\(window), \(table.isa)")
      }
    }
  }

  @Test(arguments: channelCounts)
  func unpatchAddsInTapOrder(channels: Int) {
    var random = SplitMix64(seed: UInt64(channels))
    for window in Self.windows(.down) {
      let patches = Self.reals(Self.images * window.outPixels * window.taps * channels, &random)
      let stride = channels + 2
      let untouched = [Float](repeating: 7, count: Self.images * window.inPixels * stride)
      var expected = untouched
      for image in 0..<Self.images {
        var reads: [[(tap: Int, row: Int)]] = Array(repeating: [], count: window.inPixels)
        for position in 0..<window.outPixels {
          for (tap, pixel) in window.pixels(at: position).enumerated() {
            if let pixel { reads[pixel].append((tap, image * window.outPixels + position)) }
          }
        }
        for pixel in 0..<window.inPixels {
          for c in 0..<channels {
            let at = image * window.inPixels + pixel
            // Each tap reads a pixel for one output at most, so the order of taps is the order of the sum.
            let sum = reads[pixel].sorted { $0.tap < $1.tap }.reduce(Float(0)) {
              $0 + patches[($1.row * window.taps + $1.tap) * channels + c]
            }
            expected[at * stride + c] = sum
          }
        }
      }
      for table in Self.tables {
        var found = untouched
        patches.withUnsafeBufferPointer { patches in
          found.withUnsafeMutableBufferPointer { found in
            guard let from = patches.baseAddress, let to = found.baseAddress else { return }
            var call = sk_unpatch(
              window: window.cValue, patches: from, channels: UInt32(channels), output: to,
              pixel_stride: UInt32(stride))
            table.unpatch(&call, 0, Self.images)
          }
        }
        expectSameBits(found, expected, "\(window), \(table.isa)")
      }
    }
  }

  /// The maximum, its first tap, and the gradient sent there; values that no comparison finds greater included.
  @Test(arguments: channelCounts, [false, true])
  func floatPoolAndItsGradient(channels: Int, withoutGreatest: Bool) {
    var random = SplitMix64(seed: UInt64(channels))
    for window in Self.windows(.up) {
      var x = Self.reals(Self.images * window.inPixels * channels, &random)
      if withoutGreatest { for i in x.indices where i % 3 > 0 { x[i] = i % 3 == 1 ? .nan : -.infinity } }
      let dy = Self.reals(Self.images * window.outPixels * channels, &random)
      var (y, own, chosen) = (dy, dy, [UInt8](repeating: 0, count: dy.count))
      var dx = [Float](repeating: 0, count: x.count)
      for image in 0..<Self.images {
        for position in 0..<window.outPixels {
          let taps = window.pixels(at: position).enumerated().compactMap { tap, pixel in
            pixel.map { (tap: tap, pixel: image * window.inPixels + $0) }
          }
          for c in 0..<channels {
            var (best, value) = (taps[0], -Float.infinity)
            for tap in taps where x[tap.pixel * channels + c] > value {
              (best, value) = (tap, x[tap.pixel * channels + c])
            }
            let at = (image * window.outPixels + position) * channels + c
            (y[at], own[at], chosen[at]) = (value, x[best.pixel * channels + c], UInt8(best.tap))
            dx[best.pixel * channels + c] += dy[at]
          }
        }
      }
      for table in Self.tables {
        var (values, kept, taps, gradient) = (dy, dy, [UInt8](repeating: 99, count: dy.count), x)
        taps.withUnsafeMutableBufferPointer { taps in
          values.withUnsafeMutableBufferPointer { values in
            x.withUnsafeBufferPointer { x in
              guard let from = x.baseAddress, let to = values.baseAddress else { return }
              var call = sk_float_pool(
                window: window.cValue, input: from, channels: UInt32(channels), output: to)
              table.float_pool(&call, 0, Self.images * window.outPixels)
            }
          }
          withValues(x, channels: channels) { values in
            kept.withUnsafeMutableBufferPointer { kept in
              guard let to = kept.baseAddress, let taps = taps.baseAddress else { return }
              var call = sk_value_pool(
                window: window.cValue, input: values.pointee, output: to, chosen: taps)
              table.value_pool(&call, 0, Self.images * window.outPixels)
            }
          }
        }
        expectSameBits(values, y, "\(window), \(table.isa)")
        expectSameBits(kept, own, "\(window), \(table.isa), in training")
        expectEqual(taps, chosen, "\(window), \(table.isa)")
        taps.withUnsafeBufferPointer { taps in
          dy.withUnsafeBufferPointer { dy in
            gradient.withUnsafeMutableBufferPointer { dx in
              guard let taps = taps.baseAddress, let dy = dy.baseAddress, let dx = dx.baseAddress else {
                return
              }
              var call = sk_pool_gradient(
                window: window.cValue, channels: UInt32(channels), kind: .float32, chosen: taps, dy: dy,
                dx: dx)
              table.value_pool_backward(&call, 0, Self.images * window.inPixels)
            }
          }
        }
        expectSameBits(gradient, dx, "\(window), \(table.isa)")
      }
    }
  }
}

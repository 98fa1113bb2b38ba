// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Max-pool in training, its gradient, and accumulators of 16 bits.
///
/// Oracle: plain loops over the pixels that a window names, bit for bit; accumulators of 32 bits.
struct KernelValuePoolTests {
  private static let tables = ISA.available.compactMap { $0.kernels?.pointee }
  private static let images = 2

  struct Pool: CustomTestStringConvertible, Sendable {
    var kernel: (Int, Int)
    var stride: (Int, Int)
    var padding = (0, 0)
    var size = (7, 6)
    var testDescription: String { "\(kernel) / \(stride), pad \(padding) on \(size)" }
  }

  static let pools = [
    Pool(kernel: (2, 2), stride: (2, 2)), Pool(kernel: (3, 3), stride: (2, 2)),
    Pool(kernel: (3, 2), stride: (1, 1), padding: (1, 1)), Pool(kernel: (1, 1), stride: (2, 1)),
    Pool(kernel: (7, 6), stride: (1, 1)), Pool(kernel: (2, 3), stride: (3, 4)),
    // Taps beyond those that a signed byte counts; the most there may be.
    Pool(kernel: (12, 13), stride: (2, 3), size: (15, 16)),
    Pool(kernel: (16, 16), stride: (1, 1), size: (17, 18)),
  ]

  /// The greatest activated value wins, its raw value is kept; with a negative slope that may be the most negative one.
  @Test(arguments: pools, [1, 16, 19, 40])
  func poolAndItsGradient(_ pool: Pool, channels: Int) throws {
    let window = try #require(
      Window(
        input: FeatureShape(height: pool.size.0, width: pool.size.1, channels: 1), kernel: pool.kernel,
        stride: pool.stride, padding: pool.padding, rounding: .up))
    let (inRows, outRows) = (Self.images * window.inPixels, Self.images * window.outPixels)
    for (areShort, hasSlopes) in [(false, false), (false, true), (true, false), (true, true)] {
      let sample = KernelValuesTests.Sample(
        rows: inRows, channels: channels, areShort: areShort, hasSlopes: hasSlopes, seed: 71)
      let values = sample.activated
      var random = SplitMix64(seed: 72)
      let dy = (0..<outRows * channels).map { _ in random.uniform(-1, 1) }
      let rounded = dy.map { widened(bfloat16($0)) }
      var kept = [Float](repeating: 0, count: dy.count)
      // Where each output's gradient goes; sums are taken in the order of outputs.
      var (dx, dxOfRounded) = (
        [Float](repeating: 0, count: values.count), [Float](repeating: 0, count: values.count)
      )
      for (row, image) in (0..<outRows).map({ ($0, $0 / window.outPixels) }) {
        let pixels = window.pixels(at: row % window.outPixels).compactMap {
          $0.map { image * window.inPixels + $0 }
        }
        for c in 0..<channels {
          var best = pixels[0]
          for pixel in pixels where values[pixel * channels + c] > values[best * channels + c] {
            best = pixel
          }
          let (at, to) = (row * channels + c, best * channels + c)
          kept[at] = sample.reals[to]
          dx[to] += dy[at]
          dxOfRounded[to] += rounded[at]
        }
      }
      for table in Self.tables {
        let place = "\(areShort ? "shorts" : "reals")\(hasSlopes ? " with slopes" : ""), \(table.isa)"
        let output = AlignedBuffer<Float>(count: dy.count)
        let chosen = AlignedBuffer<UInt8>(count: dy.count)
        sample.withKernelValues { input in
          var call = sk_value_pool(
            window: window.cValue, input: input.pointee, output: output.pointer, chosen: chosen.pointer)
          table.value_pool(&call, 1, outRows)
          table.value_pool(&call, 0, 1)
        }
        let shorts = UnsafeRawPointer(output.pointer).assumingMemoryBound(to: Int16.self)
        expectSameBits(areShort ? dy.indices.map { Float(shorts[$0]) } : output.array, kept, place)
        for (kind, expected) in [(sk_precision.float32, dx), (.bfloat16, dxOfRounded)] {
          let source = AlignedBuffer<Float>(count: dy.count)
          let target = AlignedBuffer<Float>(count: values.count)
          let halves = UnsafeMutableRawPointer(source.pointer).assumingMemoryBound(to: UInt16.self)
          for (at, value) in dy.enumerated() {
            if kind == .float32 { source.pointer[at] = value } else { halves[at] = bfloat16(value) }
          }
          var call = sk_pool_gradient(
            window: window.cValue, channels: UInt32(channels), kind: kind, chosen: chosen.pointer,
            dy: source.pointer, dx: target.pointer)
          table.value_pool_backward(&call, 2, inRows)
          table.value_pool_backward(&call, 0, 2)
          let found = UnsafeRawPointer(target.pointer).assumingMemoryBound(to: UInt16.self)
          if kind == .float32 {
            expectSameBits(target.array, expected, "gradient, \(place)")
          } else {
            expectEqual(
              expected.indices.map { found[$0] }, expected.map(bfloat16), "bfloat16 gradient, \(place)")
          }
          withExtendedLifetime((source, target)) {}
        }
        withExtendedLifetime((output, chosen)) {}
      }
    }
  }

  /// Accumulators of 16 bits are those of 32 bits, the greatest magnitude of 32767 included.
  @Test(arguments: [(1, 1, 1), (20, 33, 2), (64, 48, 1), (70, 7, 1), (32767, 2, 1)])
  func shortsAreAccumulators(channels: Int, filters: Int, groups: Int) throws {
    let size = channels > 1000 ? 1 : 5
    let window = try #require(
      Window(
        input: FeatureShape(height: size, width: size, channels: 1), kernel: size == 1 ? (1, 1) : (3, 3),
        stride: (1, 1), padding: size == 1 ? (0, 0) : (1, 1), rounding: .down))
    let (inputs, outputs) = (channels * groups, filters * groups)
    let layout = CodeLayout(channels: inputs, groups: groups)
    var random = SplitMix64(seed: 73)
    func bits(_ count: Int, _ word: () -> UInt32) -> [UInt32] {
      (0..<count).map { index in
        let left = channels - index % layout.groupWords * 32
        return left < 32 ? word() & (1 << UInt32(left) - 1) : word()
      }
    }
    let images = 2
    var codes = bits(images * window.inPixels * layout.words) { UInt32(truncatingIfNeeded: random.next()) }
    var words = bits(outputs * window.taps * layout.groupWords) { UInt32(truncatingIfNeeded: random.next()) }
    if size == 1 {
      // All ones, against all ones and all zeros: ±32767.
      codes = bits(codes.count) { ~0 }
      words = bits(words.count / 2) { ~0 } + [UInt32](repeating: 0, count: words.count / 2)
    }
    for crew in EngineComparison.crews where crew.pool.threads < 3 {
      let convolution = PackedConvolution(
        window: window, filters: outputs, groups: groups, planeWeights: [1], words: words,
        parts: ConvolutionBlocks.plain(filters: outputs, groups: groups), inputChannels: inputs,
        kernels: crew.kernels)
      #expect(convolution.bound <= 32767)
      let count = images * window.outPixels * outputs
      var (shorts, accumulators) = (
        [Int16](repeating: 99, count: count + 1), [Int32](repeating: 99, count: count)
      )
      shorts.withUnsafeMutableBufferPointer { shorts in
        guard let to = shorts.baseAddress else { return }
        convolution.run(codes, images: images, to: .shorts(to), on: crew)
      }
      accumulators.withUnsafeMutableBufferPointer { accumulators in
        guard let to = accumulators.baseAddress else { return }
        convolution.run(codes, images: images, to: .accumulators(to), on: crew)
      }
      expectEqual(shorts.map(Int32.init), accumulators + [99], "\(crew.table.isa) ×\(crew.pool.threads)")
      if size == 1 { #expect(accumulators == [32767, -32767, 32767, -32767]) }
    }
  }
}

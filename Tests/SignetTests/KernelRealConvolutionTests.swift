// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// The convolution of training with real weights, forward and as the gradient of its input, on every instruction set.
///
/// Oracle: the definition in double precision, on the operands as they were rounded.
struct KernelRealConvolutionTests {
  /// What a convolution of one group by the kernels gives, and what it is by definition, for each output.
  ///
  /// `turned` is the convolution of an input gradient: weights `[filters][tap][channels]` are read as
  /// `[channels][turned tap][filters]`.
  private static func convolution(
    _ shape: GradientShape, window: Window, x: [Float], weights: [Float], bias: [Float]?, turned: Bool,
    kind: sk_precision, precision: sk_precision, cut: Bool, on table: GradientTable
  ) -> [Float] {
    let product = table.product(precision)
    guard let arrange = product.convolution_panel, let convolution = product.convolution else { return [] }
    let (channels, filters) = turned ? (shape.filters, shape.channels) : (shape.channels, shape.filters)
    let padded = PaddedSample(
      x, images: shape.images, channels: channels, own: 0..<channels, window: window, precision: precision,
      cut: cut, on: table)
    let depth = window.taps * shape.channels
    let (values, columns) = (AlignedBuffer(weights), (filters + 15) / 16)
    var source = sk_convolution_weights(
      values: values.pointer, filters: filters, kernel_height: window.kernelHeight,
      kernel_width: window.kernelWidth, channels: channels, filter_stride: turned ? 1 : depth,
      tap_stride: shape.channels, channel_stride: turned ? depth : 1, turned: turned)
    let inWord = precision == .float32 ? 1 : 2
    let steps = (window.kernelWidth * channels + inWord - 1) / inWord
    let panel = AlignedBuffer<UInt32>(count: columns * ((window.kernelHeight * steps + 15) / 16 * 16) * 16)
    panel.pointer.update(repeating: .max, count: panel.count)
    let middle = cut ? columns / 2 : 0
    arrange(&source, middle, columns, panel.pointer)
    arrange(&source, 0, middle, panel.pointer)
    let rows = shape.images * window.outPixels
    let bytes = kind == .float32 ? 4 : 2
    let y = AlignedBuffer<UInt8>(count: (rows * filters + 1) * bytes)
    y.pointer.update(repeating: 0xFF, count: y.count)
    let biases = bias.map(AlignedBuffer.init)
    var call = sk_convolution(
      window: window.cValue, images: padded.images, panel: panel.pointer, bias: biases?.pointer,
      filters: UInt32(filters), kind: kind, y: y.pointer, pixel_stride: filters)
    let first = cut ? rows / 3 : 0
    let scratch = AlignedBuffer<UInt8>(count: sk_convolution_scratch_bytes(channels, window.taps))
    scratch.pointer.update(repeating: 0xFF, count: scratch.count)
    convolution(&call, first, rows, scratch.pointer)
    convolution(&call, 0, first, scratch.pointer)
    withExtendedLifetime((padded, values, panel, biases, scratch)) {}
    precondition(y.array.suffix(bytes).allSatisfy { $0 == 0xFF }, "written behind the end")
    return y.pointer.withMemoryRebound(to: UInt16.self, capacity: rows * filters) { shorts in
      y.pointer.withMemoryRebound(to: Float.self, capacity: rows * filters) { floats in
        (0..<rows * filters).map { kind == .float32 ? floats[$0] : widened(shorts[$0]) }
      }
    }
  }

  /// `y[row][f] = b[f] + Σ x·W[f]`.
  private static func forward(
    _ sample: GradientSample, x: [Float], weights: [Float], bias: [Float]
  ) -> [(sum: Double, magnitude: Double)] {
    let (shape, taps, reads) = (sample.shape, sample.window.taps, sample.reads)
    return (0..<sample.rows).flatMap { row in
      (0..<shape.filters).map { filter in
        var (sum, magnitude) = (Double(bias[filter]), abs(Double(bias[filter])))
        for tap in 0..<taps where reads[row * taps + tap] >= 0 {
          for c in 0..<shape.channels {
            let product =
              Double(x[reads[row * taps + tap] * shape.channels + c])
              * Double(weights[(filter * taps + tap) * shape.channels + c])
            sum += product
            magnitude += abs(product)
          }
        }
        return (sum, magnitude)
      }
    }
  }

  /// `dX[pixel][c] = Σ dY·W`, scattered from the rows.
  private static func backward(
    _ sample: GradientSample, weights: [Float]
  ) -> [(sum: Double, magnitude: Double)] {
    let (shape, taps, reads) = (sample.shape, sample.window.taps, sample.reads)
    var dx = [(sum: Double, magnitude: Double)](repeating: (0, 0), count: sample.pixels * shape.channels)
    for row in 0..<sample.rows {
      for tap in 0..<taps where reads[row * taps + tap] >= 0 {
        for filter in 0..<shape.filters {
          for c in 0..<shape.channels {
            let product =
              Double(sample.dy[row * shape.filters + filter])
              * Double(weights[(filter * taps + tap) * shape.channels + c])
            dx[reads[row * taps + tap] * shape.channels + c].sum += product
            dx[reads[row * taps + tap] * shape.channels + c].magnitude += abs(product)
          }
        }
      }
    }
    return dx
  }

  @Test(
    arguments: KernelRealGradientTests.shapes.filter { $0.groups == 1 }, [sk_precision.float32, .bfloat16])
  func convolutionOfReals(_ shape: GradientShape, precision: sk_precision) throws {
    var sample = try GradientSample(shape, planes: 1, seed: 53)
    sample.round(to: precision)
    var random = SplitMix64(seed: 54)
    func values(_ count: Int) -> [Float] { (0..<count).map { _ in random.uniform(-2, 2) } }
    func operands(_ values: [Float]) -> [Float] {
      precision == .bfloat16 ? values.map { widened(bfloat16($0)) } : values
    }
    let (x, bias) = (values(sample.pixels * shape.channels), values(shape.filters))
    let weights = values(shape.filters * sample.window.taps * shape.channels)
    let forward = Self.forward(sample, x: operands(x), weights: operands(weights), bias: bias)
    let backward = Self.backward(sample, weights: operands(weights))
    // The window by which an input pixel reads the gradient, where each pixel is read.
    var turned = sample.window
    swap(&turned.inHeight, &turned.outHeight)
    swap(&turned.inWidth, &turned.outWidth)
    turned.padTop = turned.kernelHeight - 1 - turned.padTop
    turned.padLeft = turned.kernelWidth - 1 - turned.padLeft
    let hasTurned = shape.stride == (1, 1) && turned.padTop >= 0 && turned.padLeft >= 0
    var all: [String: [Float]] = [:]
    func check(
      _ found: [Float], _ expected: [(sum: Double, magnitude: Double)], _ name: String, _ table: GradientTable
    ) {
      let key = "\(name), \(table.order(precision))"
      if let bits = all[key] {
        expectSameBits(found, bits, "\(name) on \(table)")
      } else {
        all[key] = found
        KernelGradientTests.expectNear(found, expected, "\(name) on \(table)")
      }
    }
    for table in GradientTable.all {
      for cut in [false, true] {
        check(
          Self.convolution(
            shape, window: sample.window, x: x, weights: weights, bias: bias, turned: false, kind: .float32,
            precision: precision, cut: cut, on: table), forward, "forward", table)
        guard hasTurned else { continue }
        check(
          Self.convolution(
            shape, window: turned, x: sample.dy, weights: weights, bias: nil, turned: true,
            kind: .float32,
            precision: precision, cut: cut, on: table), backward, "backward", table)
      }
    }
  }

  /// A result in bfloat16 is that in floats, rounded to nearest.
  @Test func roundedResults() throws {
    let shape = GradientShape(channels: 5, filters: 21)
    let sample = try GradientSample(shape, planes: 1, seed: 55)
    var random = SplitMix64(seed: 56)
    let x: [Float] = (0..<sample.pixels * 5).map { _ in random.uniform(-2, 2) }
    let weights: [Float] = (0..<21 * 9 * 5).map { _ in random.uniform(-2, 2) }
    for table in GradientTable.all {
      let results = [sk_precision.float32, .bfloat16].map { kind in
        Self.convolution(
          shape, window: sample.window, x: x, weights: weights, bias: nil, turned: false, kind: kind,
          precision: .bfloat16, cut: false, on: table)
      }
      expectSameBits(results[1], results[0].map { widened(bfloat16($0)) }, "\(table)")
    }
  }
}

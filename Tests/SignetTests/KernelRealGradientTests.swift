// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// The gradient of real weights, whose other operand is reals, on every instruction set.
///
/// Oracle: the definition in double precision, on the operands as they were rounded.
struct KernelRealGradientTests {
  static let shapes = [
    GradientShape(
      height: 9, width: 8, channels: 3, filters: 13, kernel: (5, 5), stride: (2, 2), padding: (2, 2)),
    GradientShape(channels: 1, filters: 50),
    // Rows of the window longer than the places that a pass gathers, in runs that end anywhere.
    GradientShape(channels: 45, filters: 7, kernel: (2, 3), padding: (1, 0)),
    GradientShape(height: 6, width: 9, channels: 20, filters: 5, kernel: (3, 7), padding: (0, 0)),
    GradientShape(channels: 2, filters: 4, kernel: (3, 2), stride: (1, 2), padding: (2, 1), groups: 3),
    GradientShape(images: 5, height: 12, width: 12, channels: 1, filters: 1, kernel: (1, 1), padding: (0, 0)),
    GradientShape(
      images: 3, height: 11, width: 13, channels: 3, filters: 6, kernel: (11, 11), stride: (4, 4),
      padding: (5, 5)),
  ]

  private static func gradient(
    _ sample: GradientSample, x: [Float], parts: [PackedSample], precision: sk_precision, cut: Bool,
    on table: GradientTable
  ) -> [Float] {
    let (shape, window) = (sample.shape, sample.window)
    let depth = window.taps * shape.channels
    let dw = AlignedBuffer<Float>(count: shape.groups * shape.filters * depth + 1)
    dw.pointer.update(repeating: .nan, count: dw.count)
    let scratch = AlignedBuffer<UInt8>(
      count: sk_gradient_scratch_bytes(shape.filters, shape.channels, window.taps))
    scratch.pointer.update(repeating: 0xFF, count: scratch.count)
    let columns = (depth + 15) / 16
    let tiles = (shape.filters + Int(SK_GRADIENT_ROWS) - 1) / Int(SK_GRADIENT_ROWS)
    for (group, part) in parts.enumerated() {
      let padded = PaddedSample(
        x, images: shape.images, channels: shape.channels * shape.groups,
        own: group * shape.channels..<(group + 1) * shape.channels, window: window, precision: precision,
        cut: cut, on: table)
      var images = padded.images
      defer { withExtendedLifetime(padded) {} }
      withUnsafePointer(to: &images) { images in
        var call = sk_weight_gradient(
          window: window.cValue, images: images, bits: nil, pixel_words: 0, plane_words: 0, planes: 0,
          channels: UInt32(shape.channels), levels: nil, quantum: 1, offset: 0,
          dy: part.words.pointer, rows: sample.rows, filters: UInt32(shape.filters), scales: nil, sums: nil,
          dw: dw.pointer + group * shape.filters * depth)
        let kernel = table.product(precision).weight_gradient
        if cut {
          for tile in 0..<tiles {
            for first in stride(from: 0, to: columns, by: 3) {
              kernel(&call, first, min(columns, first + 3), tile, tile + 1, scratch.pointer)
            }
          }
        } else {
          kernel(&call, 0, columns, 0, tiles, scratch.pointer)
        }
      }
    }
    withExtendedLifetime((parts, scratch)) {}
    precondition(dw.pointer[dw.count - 1].isNaN, "written behind the end")
    return dw.array.dropLast()
  }

  /// `dW[f][tap][c] = Σ_rows dY·x`, both rounded to bfloat16 where the product is.
  private static func expected(
    _ sample: GradientSample, x: [Float]
  ) -> [(sum: Double, magnitude: Double)] {
    let (shape, taps) = (sample.shape, sample.window.taps)
    let (reads, channels) = (sample.reads, shape.channels * shape.groups)
    return (0..<sample.filters).flatMap { filter in
      (0..<taps * shape.channels).map { place in
        let (tap, c) = place.quotientAndRemainder(dividingBy: shape.channels)
        var (sum, magnitude) = (0.0, 0.0)
        for row in 0..<sample.rows where reads[row * taps + tap] >= 0 {
          let at = reads[row * taps + tap] * channels + filter / shape.filters * shape.channels + c
          let product = Double(sample.dy[row * sample.filters + filter]) * Double(x[at])
          sum += product
          magnitude += abs(product)
        }
        return (sum, magnitude)
      }
    }
  }

  @Test(arguments: shapes, [sk_precision.float32, .bfloat16])
  func weightGradientOfReals(_ shape: GradientShape, precision: sk_precision) throws {
    var sample = try GradientSample(shape, planes: 1, seed: 51)
    sample.round(to: precision)
    var random = SplitMix64(seed: 52)
    let x = (0..<sample.pixels * shape.channels * shape.groups).map { _ in random.uniform(-2, 2) }
    let operands = precision == .bfloat16 ? x.map { widened(bfloat16($0)) } : x
    var all: [String: [Float]] = [:]
    for table in GradientTable.all {
      let parts = (0..<shape.groups).map {
        PackedSample(
          sample.dy, stride: sample.filters, first: $0 * shape.filters, filters: shape.filters,
          kind: precision, precision: precision, on: table)
      }
      for cut in [false, true] {
        let found = Self.gradient(
          sample, x: x, parts: parts, precision: precision, cut: cut, on: table)
        if let bits = all[table.order(precision)] {
          expectSameBits(found, bits, "\(table), \(cut ? "cut" : "whole")")
        } else {
          all[table.order(precision)] = found
          KernelGradientTests.expectNear(found, Self.expected(sample, x: operands), "\(table)")
        }
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// Images of reals with a border, made by the kernels of one instruction set.
final class PaddedSample {
  private let memory: AlignedBuffer<UInt8>
  private(set) var images: sk_images

  init(
    _ x: [Float], images count: Int, channels: Int, own: Range<Int>, window: Window, precision: sk_precision,
    cut: Bool, on table: GradientTable
  ) {
    let tall = max(
      window.padTop + window.inHeight, (window.outHeight - 1) * window.strideHeight + window.kernelHeight)
    let wide = max(
      window.padLeft + window.inWidth, (window.outWidth - 1) * window.strideWidth + window.kernelWidth)
    let element = precision == .float32 ? 4 : 2
    let slack = Int(SK_IMAGE_SLACK) * element
    let row = wide * own.count
    let bytes = count * tall * row * element
    // What is read too much must not count: NaN before the images, anything finite behind them.
    memory = AlignedBuffer(count: bytes + 2 * slack)
    memory.pointer.update(repeating: 0xFF, count: memory.count)
    (memory.pointer + slack + bytes).update(repeating: 0x41, count: slack)
    images = sk_images(
      values: memory.pointer + slack, row: row, image: tall * row, channels: UInt32(own.count))
    let source = AlignedBuffer(x)
    var padding = sk_padding(
      images: images, to: memory.pointer + slack, top: window.padTop, left: window.padLeft,
      height: window.inHeight, width: window.inWidth, kind: .float32, from: source.pointer + own.lowerBound,
      pixel_stride: channels)
    let middle = cut ? count / 2 : 0
    let pad = table.product(precision).pad_images
    pad?(&padding, middle, count)
    pad?(&padding, 0, middle)
    withExtendedLifetime(source) {}
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// One group's channels of a batch with a border of zeros, in the element that products in a precision read.
///
/// Windows lead nowhere outside, and a kernel row is a run of numbers: what the convolutions of a training step work on.
/// - Shapes: `[N, top + H + bottom, left + W + right, channels]`.
package struct PaddedImages: Sendable {
  private let memory: Memory
  private let row: Int
  private let image: Int
  private let channels: Int
  private let element: Tensor.Element

  /// Copies what `window`, by which the images will be read, needs; `precision` is not int8.
  init(
    _ source: Tensor, firstChannel: Int, channels: Int, window: Window, precision: Precision,
    on context: ComputeContext
  ) {
    let (height, width) = (source.shape.height, source.shape.width)
    let tall = max(window.padTop + height, (window.outHeight - 1) * window.strideHeight + window.kernelHeight)
    let wide = max(window.padLeft + width, (window.outWidth - 1) * window.strideWidth + window.kernelWidth)
    self.channels = channels
    element = precision == .float32 ? .float32 : .bfloat16
    row = wide * channels
    image = tall * row
    let slack = Int(SK_IMAGE_SLACK) * element.bytes
    let bytes = source.images * image * element.bytes
    memory = context.memory.take(bytes: bytes + 2 * slack)
    (memory.raw + slack + bytes).initializeMemory(as: UInt8.self, repeating: 0, count: slack)
    let padding = sk_padding(
      images: forKernels, to: memory.raw + slack, top: window.padTop, left: window.padLeft, height: height,
      width: width, kind: source.element.kernel, from: source.raw + firstChannel * source.element.bytes,
      pixel_stride: source.channels)
    guard let pad = context.gradients.pointee.product(precision).pad_images else {
      preconditionFailure("images of reals in \(precision)")
    }
    withUnsafePointer(to: padding) { padding in
      context.crew.pool.runRanges(source.images, grain: 1) { range, _ in
        pad(padding, range.lowerBound, range.upperBound)
      }
    }
    withExtendedLifetime(source) {}
  }

  /// The images as kernels read them; this value must outlive the use.
  var forKernels: sk_images {
    sk_images(
      values: memory.raw + Int(SK_IMAGE_SLACK) * element.bytes, row: row, image: image,
      channels: UInt32(channels))
  }

  var precision: Precision { element == .float32 ? .float32 : .bfloat16 }
}

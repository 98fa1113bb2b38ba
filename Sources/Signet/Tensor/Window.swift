// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// A sliding window: what a convolution or a pool reads for each of its outputs.
///
/// All sizes are in pixels.
package struct Window: Hashable, Sendable {
  package var inHeight: Int
  package var inWidth: Int
  package var outHeight: Int
  package var outWidth: Int
  package var kernelHeight: Int
  package var kernelWidth: Int
  package var strideHeight: Int
  package var strideWidth: Int
  package var padTop: Int
  package var padLeft: Int

  /// How a size that the stride does not divide is rounded.
  package enum Rounding: Sendable {
    /// The last, incomplete window is left out: convolutions.
    case down
    /// The last, incomplete window counts, if it starts inside the image: pools, as Caffe has them.
    case up
  }

  /// `out = (in + 2·padding − kernel) / stride + 1`, or nil where that is not positive or does not fit 2³⁰.
  package init?(
    input: FeatureShape, kernel: (Int, Int), stride: (Int, Int), padding: (Int, Int), rounding: Rounding
  ) {
    func output(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int) -> Int? {
      let limit = 1 << 30
      guard size > 0, size < limit, kernel > 0, kernel < limit, stride > 0, stride < limit else { return nil }
      guard padding >= 0, padding < kernel else { return nil }
      let space = size + 2 * padding - kernel
      guard space >= 0 || rounding == .up else { return nil }
      guard space >= 0 else { return 1 }
      var count = space / stride + 1
      if rounding == .up, space % stride != 0, count * stride < size + padding { count += 1 }
      return count
    }
    guard let height = output(input.height, kernel.0, stride.0, padding.0) else { return nil }
    guard let width = output(input.width, kernel.1, stride.1, padding.1) else { return nil }
    (inHeight, inWidth, outHeight, outWidth) = (input.height, input.width, height, width)
    (kernelHeight, kernelWidth) = kernel
    (strideHeight, strideWidth) = stride
    (padTop, padLeft) = padding
  }

  package var taps: Int { kernelHeight * kernelWidth }
  package var inPixels: Int { inHeight * inWidth }
  package var outPixels: Int { outHeight * outWidth }
  /// Rows of an image with its border, as far as outputs read it.
  package var paddedHeight: Int { max(padTop + inHeight, (outHeight - 1) * strideHeight + kernelHeight) }
  /// Columns of an image with its border, as far as outputs read it.
  package var paddedWidth: Int { max(padLeft + inWidth, (outWidth - 1) * strideWidth + kernelWidth) }
  package var cValue: sk_window {
    sk_window(
      in_height: Int32(inHeight), in_width: Int32(inWidth),
      out_height: Int32(outHeight), out_width: Int32(outWidth),
      kernel_height: Int32(kernelHeight), kernel_width: Int32(kernelWidth),
      stride_height: Int32(strideHeight), stride_width: Int32(strideWidth),
      pad_top: Int32(padTop), pad_left: Int32(padLeft))
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The products of a convolution with real weights in a training step: operands in bfloat16 where it rounds, sums in fp32.
///
/// - Forward, where it rounds: `y = W ⊛ x + b`; else the engine's own kernel does it.
/// - Backward: `dX = W ⊛ᵀ dY`, a convolution of `dY` by the turned weights; `dW` and `db` are ``RealWeightGradient``.
/// - Shapes: weights `[filters, kh, kw, C/groups]`, `x` `[N, H, W, C]`, `y` `[N, H', W', filters]`.
struct RealProducts {
  let window: Window
  let filters: Int
  let groups: Int
  let input: FeatureShape

  /// Whether a training step of this context rounds real operands: it was asked to, and the CPU gains by it.
  static func areRounded(on context: ComputeContext) -> Bool {
    context.precision != .float32 && context.gradients.pointee.has_bfloat16
  }

  /// Whether the input's gradient is a convolution: of windows that read every pixel.
  var hasInputGradient: Bool {
    window.strideHeight == 1 && window.strideWidth == 1
  }

  /// The window by which an input pixel reads `dY`.
  private var turned: Window {
    var turned = window
    (turned.inHeight, turned.inWidth) = (window.outHeight, window.outWidth)
    (turned.outHeight, turned.outWidth) = (window.inHeight, window.inWidth)
    (turned.padTop, turned.padLeft) = (
      window.kernelHeight - 1 - window.padTop, window.kernelWidth - 1 - window.padLeft
    )
    return turned
  }

  /// A dense layer as a convolution of one pixel: the turned weights would meet little but the border.
  private var ofOnePixel: RealProducts? {
    let covers = window.kernelHeight == window.inHeight && window.kernelWidth == window.inWidth
    guard groups == 1, covers, window.taps > 1, window.outPixels == 1 else { return nil }
    let input = FeatureShape(height: 1, width: 1, channels: window.taps * input.channels)
    let pixel = Window(input: input, kernel: (1, 1), stride: (1, 1), padding: (0, 0), rounding: .down)
    return pixel.map { RealProducts(window: $0, filters: filters, groups: 1, input: input) }
  }

  private var channels: Int { input.channels / groups }
  private var own: Int { filters / groups }

  /// The images that the products read, rounded if `precision` is not fp32, one for each group.
  func images(_ x: Tensor, _ precision: Precision, on context: ComputeContext) -> [PaddedImages] {
    (0..<groups).map {
      PaddedImages(
        x, firstChannel: $0 * channels, channels: channels, window: window, precision: precision, on: context)
    }
  }

  func forward(
    _ images: [PaddedImages], weights: UnsafePointer<Float>, bias: UnsafePointer<Float>, to y: Tensor,
    on context: ComputeContext
  ) {
    let depth = window.taps * channels
    for (group, images) in images.enumerated() {
      let own = own
      Self.convolve(
        images, window: window,
        weights: sk_convolution_weights(
          values: weights + group * own * depth, filters: own, kernel_height: window.kernelHeight,
          kernel_width: window.kernelWidth, channels: channels, filter_stride: depth, tap_stride: channels,
          channel_stride: 1, turned: false),
        bias: bias + group * own, to: y, firstChannel: group * own, on: context)
    }
  }

  /// Both gradients, from the images if forward made them, else from `x`; `dX` as `inputElement`, nil if nobody wants it.
  func backward(
    _ gradient: Tensor, x: Tensor?, images: [PaddedImages], weights: UnsafePointer<Float>,
    weightGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>,
    inputElement: Tensor.Element?, of layer: String, on context: ComputeContext
  ) -> Tensor? {
    let isRounded = !images.isEmpty
    let dy = isRounded ? context.rounded(gradient) : gradient
    let product = RealWeightGradient(window: window, filters: filters, groups: groups, input: input)
    var images = images
    if !isRounded, let x { images = product.images(x, for: dy, on: context) }
    guard let precision = images.first?.precision else {
      preconditionFailure("\(layer): the input was not kept")
    }
    context.timed(.weightGradient, of: layer) {
      product.run(dy, images: images, weights: weightGradient, bias: biasGradient, on: context)
    }
    guard let inputElement else { return nil }
    let dx = context.tensor(dy.images, input, inputElement)
    context.timed(.inputGradient, of: layer) {
      inputGradient(dy, weights: weights, to: dx, precision, on: context)
    }
    return dx
  }

  /// Both gradients in fp32 by way of patches, for windows with strides.
  func patchBackward(
    _ gradient: Gradient, x: Tensor, weights: UnsafePointer<Float>,
    weightGradient: UnsafeMutablePointer<Float>, biasGradient: UnsafeMutablePointer<Float>?,
    of layer: String, on context: ComputeContext
  ) -> Gradient {
    let (dy, dx) = (context.widened(gradient.tensor), context.tensor(x.images, input))
    if let biasGradient {
      let filters = filters
      let sums = context.channelSums(rows: dy.rows, channels: filters, kinds: 1) { range, out, _ in
        context.crew.kernels.column_sums(dy.pointer + range.lowerBound * filters, out, range.count, filters)
      }
      for filter in 0..<filters { biasGradient[filter] = Float(sums[filter]) }
    }
    let product = ConvolutionGradient(
      window: window, filters: filters, groups: groups, inputChannels: input.channels, source: x.pointer,
      weights: weights, weightGradient: weightGradient, inputGradient: dx.pointer)
    context.timed(.bothGradients, of: layer) { product.run(dy, on: context) }
    withExtendedLifetime((x, dy)) {}
    return gradient.passed(dx)
  }

  /// `dX`, overwritten, by operands in `precision`; ``hasInputGradient`` must hold.
  func inputGradient(
    _ dy: Tensor, weights: UnsafePointer<Float>, to dx: Tensor, _ precision: Precision,
    on context: ComputeContext
  ) {
    if let pixel = ofOnePixel, let row = dx.replaced(by: pixel.input) {
      pixel.inputGradient(dy, weights: weights, to: row, precision, on: context)
      return
    }
    let turned = turned
    let depth = window.taps * channels
    for group in 0..<groups {
      let images = PaddedImages(
        dy, firstChannel: group * own, channels: own, window: turned, precision: precision, on: context)
      Self.convolve(
        images, window: turned,
        weights: sk_convolution_weights(
          values: weights + group * own * depth, filters: channels, kernel_height: window.kernelHeight,
          kernel_width: window.kernelWidth, channels: own, filter_stride: 1, tap_stride: channels,
          channel_stride: depth, turned: true),
        bias: nil, to: dx, firstChannel: group * channels, on: context)
    }
  }

  private static func convolve(
    _ images: PaddedImages, window: Window, weights: sk_convolution_weights, bias: UnsafePointer<Float>?,
    to y: Tensor, firstChannel: Int, on context: ComputeContext
  ) {
    let products = context.gradients.pointee.product(images.precision)
    guard let arrange = products.convolution_panel, let convolution = products.convolution else {
      preconditionFailure("a convolution of reals in \(images.precision)")
    }
    let columns = (weights.filters + 15) / 16
    let run = weights.kernel_width * weights.channels
    let steps = (run + images.precision.rowsInWord - 1) / images.precision.rowsInWord
    let depth = (weights.kernel_height * steps + 15) / 16 * 16
    let panel = context.memory.take(bytes: columns * depth * 64)
    defer { panel.keep() }
    let scratchBytes = ComputeContext.wholePages(sk_convolution_scratch_bytes(weights.channels, window.taps))
    let scratch = context.memory.take(bytes: scratchBytes * context.crew.pool.threads)
    defer { scratch.keep() }
    withUnsafePointer(to: weights) { weights in
      context.crew.pool.runRanges(columns, grain: 1) { range, _ in
        arrange(weights, range.lowerBound, range.upperBound, panel.words)
      }
    }
    let call = sk_convolution(
      window: window.cValue, images: images.forKernels, panel: panel.words, bias: bias,
      filters: UInt32(weights.filters), kind: y.element.kernel, y: y.raw + firstChannel * y.element.bytes,
      pixel_stride: y.channels)
    withUnsafePointer(to: call) { call in
      context.crew.pool.runRanges(y.rows, grain: ComputeContext.chunkRows) { range, worker in
        convolution(call, range.lowerBound, range.upperBound, scratch.raw + worker * scratchBytes)
      }
    }
    withExtendedLifetime((images, y)) {}
  }
}

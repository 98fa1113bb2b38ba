// SPDX-License-Identifier: Apache-2.0

/// The meaning of a compact model: a plain, scalar evaluation of its operators, one image and one operator at a time.
///
/// Every fast path is tested against it bit for bit. It shares no code with them: codes are kept as one integer an
/// element, sums and roundings are written out, and zero padding is a tap that is left out (binary) or a zero (real).
package struct Interpreter {
  package let program: Program

  /// What flows between operators, spelled out.
  ///
  /// Codes are numbered with the first plane's bit highest.
  package enum Value: Equatable {
    case reals([Float])
    case codes([UInt8])
  }

  package init(_ program: Program) {
    self.program = program
  }

  /// The logits of one image; `observe` sees every operator's result.
  package func run(_ input: [Float], observe: (Int, Value) -> Void = { _, _ in }) -> [Float] {
    var value = Value.reals(program.preprocessing.zero == nil ? input : levels(input))
    for (index, node) in program.nodes.enumerated() {
      value = Self.apply(node, to: value)
      observe(index, value)
    }
    guard case .reals(let logits) = value else { return [] }
    return logits
  }

  /// How far the bytes of an image lie above zero, from its normalised reals: whole grey levels, ties to even.
  ///
  /// A level is `1 / (255 · deviation)`; a byte is within 0…255; what is not a number counts as 0.
  private func levels(_ input: [Float]) -> [Float] {
    let (deviation, zero) = (program.preprocessing.deviation, program.preprocessing.zero ?? [])
    return input.enumerated().map { index, x in
      let channel = index % program.input.channels
      let level = (x / (1 / (255 * deviation[channel]))).rounded(.toNearestOrEven)
      if level.isNaN { return 0 }
      let byte = min(255, max(0, level + Float(zero[channel])))
      return byte - Float(zero[channel])
    }
  }

  static func apply(_ node: Program.Node, to value: Value) -> Value {
    let shape = node.input.shape
    switch (node.operation, value) {
    case (.convolution(let window, let groups, let weight, let bias), .reals(let x)):
      return .reals(
        convolve(window, groups: groups, channels: shape.channels, filters: bias.count) { filter, pixels in
          var sum = bias[filter]
          for (tap, pixel) in pixels.enumerated() {
            let depth = shape.channels / groups
            let first = filter / (bias.count / groups) * depth
            for c in 0..<depth {
              let activation = pixel.map { x[$0 * shape.channels + first + c] } ?? 0
              sum.addProduct(activation, weight[(filter * window.taps + tap) * depth + c])
            }
          }
          return sum
        })
    case (.pixelConvolution(let window, let groups, let weight), .reals(let x)):
      let filters = node.output.shape.channels
      let depth = shape.channels / groups
      return .reals(
        convolve(window, groups: groups, channels: shape.channels, filters: filters) { filter, pixels in
          var sum: Int32 = 0
          for (tap, pixel) in pixels.enumerated() {
            guard let pixel else { continue }
            let first = pixel * shape.channels + filter / (filters / groups) * depth
            for c in 0..<depth {
              sum += Int32(x[first + c]) * Int32(weight[(filter * window.taps + tap) * depth + c])
            }
          }
          return Float(sum)
        })
    case (.binaryConvolution(let window, let groups, let bits), .codes(let x)):
      guard case .codes(_, let planeWeights, let unit, let isUnipolar) = node.input else { return value }
      let lowest = isUnipolar ? planeWeights.reduce(0, +) : 0
      let filters = node.output.shape.channels
      let depth = shape.channels / groups
      return .reals(
        convolve(window, groups: groups, channels: shape.channels, filters: filters) { filter, pixels in
          var sum: Int32 = 0
          for (tap, pixel) in pixels.enumerated() {
            guard let pixel else { continue }
            let first = filter / (filters / groups) * depth
            for c in 0..<depth {
              let bit = (filter * window.taps + tap) * depth + c
              let positive = bits[bit / 32] >> UInt32(bit % 32) & 1 == 1
              let activation = lowest + decoded(x[pixel * shape.channels + first + c], planeWeights)
              sum += positive ? activation : -activation
            }
          }
          return Float(sum) * unit
        })
    case (.activation(let slope), .reals(let x)):
      return .reals(x.enumerated().map { $1 >= 0 ? $1 : slope[$0 % shape.channels] * $1 })
    case (.maxPool(let window), .reals(let x)):
      return .reals(
        pool(window, channels: shape.channels) { c, pixels in
          pixels.reduce(-Float.infinity) { best, pixel in
            let candidate = x[pixel * shape.channels + c]
            return candidate > best ? candidate : best
          }
        })
    case (.codePool(let window, let inverted), .codes(let x)):
      return .codes(
        pool(window, channels: shape.channels) { c, pixels in
          let bits = pixels.map { x[$0 * shape.channels + c] }
          return (inverted[c] ? bits.min() : bits.max()) ?? 0
        })
    case (.averagePool, .reals(let x)):
      return .reals(
        (0..<shape.channels).map { c in
          var sum: Float = 0
          for pixel in 0..<shape.pixels { sum += x[pixel * shape.channels + c] }
          return sum / Float(shape.pixels)
        })
    case (.affine(let scale, let shift), .reals(let x)):
      return .reals(
        x.enumerated().map { shift[$0 % shape.channels].addingProduct(scale[$0 % shape.channels], $1) })
    case (.binarize(let betas), .reals(let x)):
      return .codes(
        x.map { value in
          var (residual, code) = (value, UInt8(0))
          for beta in betas {
            code = 2 * code + (residual >= 0 ? 1 : 0)
            residual -= residual >= 0 ? beta : -beta
          }
          return code
        })
    case (.threshold(let low, let high), .reals(let x)):
      return .codes(
        x.enumerated().map { index, value in
          let (a, c) = (Int32(value), index % shape.channels)
          let inside = low[c] <= high[c] ? low[c] <= a && a < high[c] : a >= low[c] || a < high[c]
          return inside ? 1 : 0
        })
    case (.scale(let factor), .reals(let x)):
      return .reals(x.map { $0 * factor })
    case (.channelScale(let factor), .reals(let x)):
      return .reals(x.enumerated().map { $1 * factor[$0 % shape.channels] })
    default:
      // A program's flows are checked when it is made.
      return value
    }
  }

  /// `Σ n_m H_m` of a code.
  private static func decoded(_ code: UInt8, _ planeWeights: [Int32]) -> Int32 {
    planeWeights.enumerated().reduce(0) { sum, plane in
      let positive = code >> UInt8(planeWeights.count - 1 - plane.offset) & 1 == 1
      return sum + (positive ? plane.element : -plane.element)
    }
  }

  private static func convolve(
    _ window: Window, groups: Int, channels: Int, filters: Int, _ output: (Int, [Int?]) -> Float
  ) -> [Float] {
    (0..<window.outPixels).flatMap { position in
      let pixels = window.pixels(at: position)
      return (0..<filters).map { output($0, pixels) }
    }
  }

  private static func pool<Element>(
    _ window: Window, channels: Int, _ output: (Int, [Int]) -> Element
  ) -> [Element] {
    (0..<window.outPixels).flatMap { position in
      let pixels = window.pixels(at: position).compactMap { $0 }
      return (0..<channels).map { output($0, pixels) }
    }
  }
}

extension Window {
  /// The input pixels of an output's taps in row-major order; nil outside the image.
  package func pixels(at position: Int) -> [Int?] {
    let (row, column) = position.quotientAndRemainder(dividingBy: outWidth)
    return (0..<taps).map { tap in
      let y = row * strideHeight - padTop + tap / kernelWidth
      let x = column * strideWidth - padLeft + tap % kernelWidth
      return y >= 0 && y < inHeight && x >= 0 && x < inWidth ? y * inWidth + x : nil
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// The largest value of each window; the gradient goes to the first one that has it.
package struct MaxPool: Layer {
  package let name: String
  package let window: Window
  package let output: FeatureShape

  package struct Saved: Sendable {
    let chosen: Memory
    let wantsMaxima: Bool
  }

  package init(name: String, window: Window, channels: Int) {
    self.name = name
    self.window = window
    output = FeatureShape(height: window.outHeight, width: window.outWidth, channels: channels)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    var y = context.tensor(x.images, output, x.element)
    (y.slopes, y.gradientElement) = (x.slopes, x.gradientElement)
    let chosen = context.memory.take(bytes: y.count)
    let call = sk_value_pool(
      window: window.cValue, input: x.forKernels, output: y.raw, chosen: chosen.bytes)
    withUnsafePointer(to: call) { call in
      context.chunks(of: y.rows) { _, range in
        context.crew.kernels.value_pool(call, range.lowerBound, range.upperBound)
      }
    }
    withExtendedLifetime(x) {}
    return (y, Saved(chosen: chosen, wantsMaxima: x.wantsMaxima))
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let dy = gradient.tensor
    let dx = context.tensor(
      dy.images, FeatureShape(height: window.inHeight, width: window.inWidth, channels: output.channels),
      dy.element)
    let call = sk_pool_gradient(
      window: window.cValue, channels: UInt32(output.channels),
      kind: dy.element.kernel, chosen: saved.chosen.bytes, dy: dy.raw, dx: dx.raw)
    let maxima = GradientMaxima(dx, wanted: saved.wantsMaxima, on: context)
    withUnsafePointer(to: call) { call in
      context.chunks(of: dx.rows) { _, range in
        context.crew.kernels.value_pool_backward(call, range.lowerBound, range.upperBound)
        maxima?.take(dx, rows: range, on: context)
      }
    }
    withExtendedLifetime((saved, dy)) {}
    return gradient.passed(dx, slopes: gradient.slopes).with(maxima: maxima)
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.maxPool(name, window: window)
  }
}

/// The mean over all pixels.
package struct AveragePool: Layer {
  package let name: String
  package let input: FeatureShape
  package var output: FeatureShape { FeatureShape(height: 1, width: 1, channels: input.channels) }

  package struct Saved: Sendable {}

  package init(name: String, input: FeatureShape) {
    self.name = name
    self.input = input
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let x = context.plain(x)
    let (y, channels, pixels) = (context.tensor(x.images, output), input.channels, input.pixels)
    context.crew.pool.runRanges(x.images, grain: 1) { range, _ in
      for image in range {
        let mean = y.pointer + image * channels
        context.crew.kernels.column_sums(x.pointer + image * input.count, mean, pixels, channels)
        for channel in 0..<channels { mean[channel] /= Float(pixels) }
      }
    }
    return (y, Saved())
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let (dy, dx) = (gradient.tensor, context.tensor(gradient.tensor.images, input))
    let share = 1 / Float(input.pixels)
    context.crew.pool.runRanges(dy.images, grain: 1) { range, _ in
      for image in range {
        let source = dy.pointer + image * input.channels
        for pixel in 0..<input.pixels {
          let row = dx.pointer + image * input.count + pixel * input.channels
          for channel in 0..<input.channels { row[channel] = source[channel] * share }
        }
      }
    }
    return gradient.passed(dx)
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.averagePool(name)
  }
}

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
  }

  package init(name: String, window: Window, channels: Int) {
    self.name = name
    self.window = window
    output = FeatureShape(height: window.outHeight, width: window.outWidth, channels: channels)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let y = context.tensor(x.images, output)
    let chosen = context.memory.take(bytes: y.count)
    let call = sk_float_pool(
      window: window.cValue, input: x.pointer, channels: UInt32(output.channels), output: y.pointer,
      chosen: chosen.bytes)
    withUnsafePointer(to: call) { call in
      context.chunks(of: y.rows) { _, range in
        context.crew.kernels.float_pool(call, range.lowerBound, range.upperBound)
      }
    }
    return (y, Saved(chosen: chosen))
  }

  package mutating func backward(
    _ dy: Tensor, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Tensor? {
    let dx = context.tensor(
      dy.images, FeatureShape(height: window.inHeight, width: window.inWidth, channels: output.channels))
    var window = window.cValue
    withUnsafePointer(to: &window) { window in
      context.crew.pool.runRanges(dy.images, grain: 1) { range, _ in
        context.crew.kernels.float_pool_backward(
          window, saved.chosen.bytes, dy.pointer, dx.pointer, output.channels, range.lowerBound,
          range.upperBound)
      }
    }
    return dx
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
    _ dy: Tensor, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Tensor? {
    let dx = context.tensor(dy.images, input)
    let share = 1 / Float(input.pixels)
    for image in 0..<dy.images {
      for pixel in 0..<input.pixels {
        let row = dx.pointer + image * input.count + pixel * input.channels
        for channel in 0..<input.channels {
          row[channel] = dy.pointer[image * input.channels + channel] * share
        }
      }
    }
    return dx
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.averagePool(name)
  }
}

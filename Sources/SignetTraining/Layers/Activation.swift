// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// PReLU with one slope a channel, or ReLU.
///
/// - Forward: `y = x` if `x ≥ 0`, else `s_c·x`.
/// - Backward: `dx = dy` if `x > 0`, else `s_c·dy`; `ds_c = Σ dy·x` over `x ≤ 0`.
/// - Source: He et al. 2015, arXiv:1502.01852, equation 1.
package struct Activation: Layer {
  package let name: String
  package let output: FeatureShape
  /// Nil for ReLU.
  package var slope: Parameter?

  package init(name: String, input: FeatureShape, learnsSlope: Bool) {
    self.name = name
    output = input
    slope = learnsSlope ? Parameter(.other, count: input.channels, value: 0.25) : nil
  }

  private var slopes: [Float] { slope?.value.array ?? Array(repeating: 0, count: output.channels) }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Tensor) {
    let (y, slopes) = (context.tensor(x.images, output), slopes)
    context.chunks(of: x.rows) { _, range in
      let first = range.lowerBound * x.channels
      context.crew.kernels.prelu(x.pointer + first, slopes, y.pointer + first, range.count, x.channels)
    }
    return (y, x)
  }

  package mutating func backward(
    _ dy: Tensor, saved x: Tensor, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Tensor? {
    let (dx, slopes, channels) = (context.tensor(x.images, output), slopes, x.channels)
    let sums = context.channelSums(rows: x.rows, channels: channels, kinds: 1) { range, out in
      out.update(repeating: 0, count: channels)
      let first = range.lowerBound * channels
      context.crew.kernels.prelu_backward(
        x.pointer + first, slopes, dy.pointer + first, dx.pointer + first, out, range.count, channels)
    }
    if let slope {
      for channel in 0..<channels { slope.gradient.pointer[channel] = Float(sums[channel]) }
    }
    return dx
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    if var learned = slope {
      try body("slope", &learned)
      slope = learned
    }
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.activation(name, slope: slope?.value.array)
  }
}

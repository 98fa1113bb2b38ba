// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// PReLU with one slope a channel, or ReLU.
///
/// - Forward: `y = x` if `x ≥ 0`, else `s_c·x`.
/// - Backward: `dx = dy` if `x > 0`, else `s_c·dy`; `ds_c = Σ dy·x` over `x ≤ 0`.
/// - Where a normalisation follows, with a pool between them or not, it does both in its own passes over the values, and this
///   layer passes the values on as they are.
/// - Source: He et al. 2015, arXiv:1502.01852, equation 1.
package struct Activation: Layer {
  package let name: String
  package let output: FeatureShape
  /// Nil for ReLU.
  package var slope: Parameter?
  /// Whether the normalisation that follows applies the function while training.
  package let isDeferred: Bool
  private let zeros: AlignedBuffer<Float>

  package struct Saved: Sendable {
    /// Nil if the function was applied by another layer.
    let x: Tensor?
  }

  package init(name: String, input: FeatureShape, learnsSlope: Bool, isDeferred: Bool = false) {
    self.name = name
    self.isDeferred = isDeferred
    output = input
    slope = learnsSlope ? Parameter(.other, count: input.channels, value: 0.25) : nil
    zeros = AlignedBuffer(count: learnsSlope ? 0 : input.channels)
  }

  private var slopes: AlignedBuffer<Float> { slope?.value ?? zeros }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    // A function on top of a pending one: that one comes first.
    let x = x.slopes == nil ? x : context.plain(x)
    var y = x
    y.slopes = slopes
    if isDeferred && phase == .training { return (y, Saved(x: nil)) }
    return (context.plain(y), Saved(x: x))
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let channels = output.channels
    if let sums = gradient.slopes {
      assign(sums)
      return gradient.passed(gradient.tensor).with(maxima: gradient.maxima)
    }
    guard let x = saved.x.map(context.plain) else {
      preconditionFailure("\(name): nobody applied the activation function")
    }
    let (dy, dx, slopes) = (gradient.tensor, context.tensor(x.images, output), slopes)
    let sums = context.channelSums(rows: x.rows, channels: channels, kinds: 1) { range, out, _ in
      out.update(repeating: 0, count: channels)
      let first = range.lowerBound * channels
      context.crew.kernels.prelu_backward(
        x.pointer + first, slopes.pointer, dy.pointer + first, dx.pointer + first, out, range.count, channels)
    }
    assign(sums)
    return gradient.passed(dx)
  }

  private func assign(_ sums: PooledArray<Double>) {
    guard let slope else { return }
    for channel in sums.indices { slope.gradient.pointer[channel] = Float(sums[channel]) }
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

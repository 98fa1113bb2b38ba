// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// Activations that are infinite or not a number.
package struct NotFinite: Error {}

/// The parameters and statistics of a batch normalisation, and its equations.
///
/// `z = γ (x − μ) / √(σ² + ε) + β`, per channel; μ and σ² (biased) are the batch's in training, running means afterwards.
/// - Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1.
package struct Normalization: Sendable {
  package static let epsilon: Float = 1e-5
  package static let momentum: Float = 0.1

  package var scale: Parameter
  package var shift: Parameter
  package var runningMean: [Float]
  package var runningVariance: [Float]

  package init(channels: Int) {
    scale = Parameter(.other, count: channels, value: 1)
    shift = Parameter(.other, count: channels, value: 0)
    runningMean = Array(repeating: 0, count: channels)
    runningVariance = Array(repeating: 1, count: channels)
  }

  /// Normalisation as one multiplication and addition, with what its gradient needs.
  package struct Affine: Sendable {
    package let scale: PooledArray<Float>
    package let shift: PooledArray<Float>
    let mean: PooledArray<Float>
    let inverseDeviation: PooledArray<Float>

    /// Room for the numbers of each channel.
    fileprivate init(channels: Int, on context: ComputeContext) {
      let all = context.array(4 * channels, of: Float.self)
      (scale, shift) = (all.slice(0, of: channels), all.slice(1, of: channels))
      (mean, inverseDeviation) = (all.slice(2, of: channels), all.slice(3, of: channels))
    }

    fileprivate func set(_ channel: Int, _ norm: Normalization, mean: Float, variance: Float) {
      self.mean[channel] = mean
      let affine = norm.affine(channel, mean: mean, variance: variance)
      (scale[channel], shift[channel]) = (affine.scale, affine.shift)
      inverseDeviation[channel] = affine.inverseDeviation
    }
  }

  /// `a = γ / √(σ² + ε)`, `b = β − μ·a`.
  private func affine(
    _ channel: Int, mean: Float, variance: Float
  ) -> (scale: Float, shift: Float, inverseDeviation: Float) {
    let inverse = 1 / (variance + Self.epsilon).squareRoot()
    let gain = scale.value.pointer[channel] * inverse
    return (gain, shift.value.pointer[channel] - mean * gain, inverse)
  }

  /// What inference uses.
  package var running: (scale: [Float], shift: [Float]) {
    let all = runningMean.indices.map {
      affine($0, mean: runningMean[$0], variance: runningVariance[$0])
    }
    return (all.map(\.scale), all.map(\.shift))
  }

  /// The affine form for a batch; in training from its own statistics, which enter the running ones.
  ///
  /// - Throws: ``NotFinite`` if the statistics are not finite; a sign would hide it.
  mutating func affine(of x: Tensor, phase: Phase, on context: ComputeContext) throws -> Affine {
    let (channels, rows) = (x.channels, x.rows)
    let affine = Affine(channels: channels, on: context)
    guard phase == .training else {
      for channel in 0..<channels {
        affine.set(channel, self, mean: runningMean[channel], variance: runningVariance[channel])
      }
      return affine
    }
    // Sums are taken about the first pixel's values: their squares stay small where the mean is large.
    let pivot = context.array(channels, of: Float.self)
    let sums = withUnsafePointer(to: x.forKernels) { values in
      context.crew.kernels.plain_values(values, pivot.pointer, 0, 1)
      return context.channelSums(rows: rows, channels: channels, kinds: 2) { range, out, _ in
        context.crew.kernels.moments(
          values, pivot.pointer, out, out + channels, range.lowerBound, range.upperBound)
      }
    }
    defer { withExtendedLifetime((x, pivot)) {} }
    for channel in 0..<channels {
      let offset = sums[channel] / Double(rows)
      let variance = sums[channels + channel] / Double(rows) - offset * offset
      sums[channel] = Double(pivot[channel]) + offset
      // Not max(0, …), which may hide what is no number.
      sums[channels + channel] = variance < 0 ? 0 : variance
    }
    try context.joinMoments(sums)
    for channel in 0..<channels {
      let (mean, variance) = (Float(sums[channel]), Float(sums[channels + channel]))
      guard mean.isFinite, sums[channels + channel].isFinite else { throw NotFinite() }
      runningMean[channel] += Self.momentum * (mean - runningMean[channel])
      runningVariance[channel] += Self.momentum * (variance - runningVariance[channel])
      affine.set(channel, self, mean: mean, variance: variance)
    }
    return affine
  }

  /// `Σ dz` and `Σ dz (x − μ)` by channel; `produce` writes rows of `dz` just before they are read.
  func gradientSums(
    _ dz: Tensor, x: Tensor, affine: Affine, on context: ComputeContext,
    produce: (_ rows: Range<Int>, _ worker: Int) -> Void = { _, _ in }
  ) -> PooledArray<Double> {
    let (kernels, channels) = (context.crew.kernels, x.channels)
    defer { withExtendedLifetime((x, dz, affine)) {} }
    return withUnsafePointer(to: x.forKernels) { values in
      context.channelSums(rows: x.rows, channels: channels, kinds: 2) { range, out, worker in
        produce(range, worker)
        kernels.norm_gradient_sums(
          values, dz.raw, dz.element.kernel, affine.mean.pointer, out, out + channels, range.lowerBound,
          range.upperBound)
      }
    }
  }

  /// Gradients of γ, β and x from that of z, and of what lies before an activation function that is pending in x.
  ///
  /// `dγ = Σ dz·x̂`, `dβ = Σ dz`, `dx = a (dz − dβ/n − x̂·dγ/n)`; `sums` are ``gradientSums(_:x:affine:on:produce:)``.
  /// With `reusesGradient` the result may take the place of `dz`.
  mutating func backward(
    _ dz: Tensor, sums: PooledArray<Double>, x: Tensor, affine: Affine, gradient: Gradient,
    reusesGradient: Bool = false,
    on context: ComputeContext
  ) throws -> Gradient {
    let (channels, rows) = (x.channels, x.rows)
    let kernels = context.crew.kernels
    let values = x.forKernels
    let whole = try context.batchSums(sums, rows: rows)
    let both = context.array(2 * channels, of: Float.self)
    let (tilt, offset) = (both.slice(0, of: channels), both.slice(1, of: channels))
    for channel in 0..<channels {
      let inverse = Double(affine.inverseDeviation[channel])
      shift.gradient.pointer[channel] = Float(sums[channel])
      scale.gradient.pointer[channel] = Float(sums[channels + channel] * inverse)
      let (sum, product) = (whole.sums[channel], whole.sums[channels + channel])
      tilt[channel] = Float(-Double(affine.scale[channel]) * inverse * inverse * product / Double(whole.rows))
      offset[channel] = Float(-Double(affine.scale[channel]) * sum / Double(whole.rows))
    }
    // A gradient of our own is overwritten where it lies.
    let dx =
      reusesGradient && dz.element == x.gradientElement
      ? dz : context.tensor(x.images, x.shape, x.gradientElement)
    let call = sk_norm_gradient(
      input: values, dz_kind: dz.element.kernel, dz: dz.raw, mean: affine.mean.pointer,
      gain: affine.scale.pointer, tilt: tilt.pointer, offset: offset.pointer, kind: dx.element.kernel,
      output: dx.raw)
    let maxima = GradientMaxima(dx, wanted: x.wantsMaxima, on: context)
    let slopes = withUnsafePointer(to: call) { call in
      context.channelSums(rows: rows, channels: channels, kinds: 1) { range, out, _ in
        if x.slopes == nil { out.update(repeating: 0, count: channels) }
        kernels.norm_gradient(call, range.lowerBound, range.upperBound, out)
        maxima?.take(dx, rows: range, on: context)
      }
    }
    withExtendedLifetime((x, dz, affine, both)) {}
    return gradient.passed(dx, slopes: x.slopes == nil ? nil : slopes).with(maxima: maxima)
  }

  mutating func forEachParameter(
    prefix: String, _ body: (String, inout Parameter) throws -> Void
  ) rethrows {
    try body(prefix + "scale", &scale)
    try body(prefix + "shift", &shift)
  }

  mutating func forEachStatistic(prefix: String, _ body: (String, inout [Float]) throws -> Void) rethrows {
    try body("\(prefix)running_mean", &runningMean)
    try body("\(prefix)running_variance", &runningVariance)
  }
}

/// Batch normalisation as a layer of its own: before the real convolutions of full-precision networks.
package struct BatchNorm: Layer {
  package let name: String
  package let output: FeatureShape
  package var norm: Normalization

  package struct Saved: Sendable {
    let x: Tensor
    let affine: Normalization.Affine
  }

  package init(name: String, input: FeatureShape) {
    self.name = name
    output = input
    norm = Normalization(channels: input.channels)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Saved) {
    let affine = try norm.affine(of: x, phase: phase, on: context)
    var z = context.tensor(x.images, output)
    if phase == .training { z.gradientElement = context.precision.element }
    withUnsafePointer(to: x.forKernels) { values in
      context.chunks(of: x.rows) { _, range in
        let rows = z.pointer + range.lowerBound * x.channels
        context.crew.kernels.plain_values(values, z.pointer, range.lowerBound, range.upperBound)
        context.crew.kernels.affine(
          rows, affine.scale.pointer, affine.shift.pointer, rows, range.count, x.channels)
      }
    }
    withExtendedLifetime((x, affine)) {}
    return (z, Saved(x: x, affine: affine))
  }

  package mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let sums = norm.gradientSums(gradient.tensor, x: saved.x, affine: saved.affine, on: context)
    return try norm.backward(
      gradient.tensor, sums: sums, x: saved.x, affine: saved.affine, gradient: gradient, on: context)
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try norm.forEachParameter(prefix: "", body)
  }

  package mutating func forEachStatistic(_ body: (String, inout [Float]) throws -> Void) rethrows {
    try norm.forEachStatistic(prefix: "", body)
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    let running = norm.running
    compiler.affine(name, scale: running.scale, shift: running.shift)
  }
}

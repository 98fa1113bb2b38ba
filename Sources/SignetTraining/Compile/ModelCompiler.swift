// SPDX-License-Identifier: Apache-2.0

package import Signet

/// Collects the layers of a trained network as the operators of a compact model.
///
/// What lies between the accumulators of a binary convolution and the signs of the next one is held back until both are
/// known: with one plane it becomes integer thresholds, else it is written as it is.
package struct ModelCompiler {
  package private(set) var builder: CompactModelBuilder
  /// Operators behind the last convolution that are not written yet.
  private var pending = Pending()
  /// The convolution whose accumulators flow, if they do and can be compared with thresholds.
  private var accumulators: (name: String, bound: Int32)?
  private var channels: Int

  private struct Pending {
    /// What an accumulator stands for: `fma(scale, a, shift)`.
    var value: (name: String, scale: [Float], shift: [Float])?
    /// What an accumulator is multiplied with: one factor a channel, or one for all.
    var factors: (name: String, values: [Float])?
    var activation: (name: String, slope: [Float]?)?
    var pool: (name: String, window: Window)?
    var affine: (name: String, scale: [Float], shift: [Float])?
  }

  package init(builder: CompactModelBuilder, inputChannels: Int) {
    self.builder = builder
    channels = inputChannels
  }

  /// The finished model.
  package mutating func finish() throws -> CompactModelBuilder {
    flush()
    return builder
  }

  /// Writes what was held back, as it is.
  private mutating func flush() {
    if let (name, scale, shift) = pending.value { addAffine(name, scale: scale, shift: shift) }
    if let (name, values) = pending.factors { addScale(name, factors: values) }
    if let (name, slope) = pending.activation {
      builder.add(Operator(slope == nil ? .relu : .prelu, name))
      if let slope { builder.add("\(name).slope", shape: [slope.count], floats: slope) }
    }
    if let (name, window) = pending.pool { builder.add(Operator(.maxPool, name, window: window)) }
    if let (name, scale, shift) = pending.affine { addAffine(name, scale: scale, shift: shift) }
    if pending.value != nil || pending.factors != nil || pending.activation != nil || pending.pool != nil
      || pending.affine != nil
    {
      accumulators = nil
    }
    pending = Pending()
  }

  private mutating func addScale(_ name: String, factors: [Float]) {
    builder.add(Operator(factors.count == 1 ? .scale : .channelScale, name))
    builder.add("\(name).factor", shape: [factors.count], floats: factors)
  }

  private mutating func addAffine(_ name: String, scale: [Float], shift: [Float]) {
    builder.add(Operator(.affine, name))
    builder.add("\(name).scale", shape: [scale.count], floats: scale)
    builder.add("\(name).shift", shape: [shift.count], floats: shift)
  }

  package mutating func convolution(
    _ name: String, window: Window, groups: Int, weight: Parameter, bias: [Float]
  ) {
    flush()
    builder.add(Operator(.convolution, name, window: window, filters: bias.count, groups: groups))
    builder.add("\(name).weight", shape: weight.shape, floats: weight.value.array)
    builder.add("\(name).bias", shape: [bias.count], floats: bias)
    channels = bias.count
    accumulators = nil
  }

  /// A convolution of reals with weights of one bit, and the magnitudes of all, of each filter's, or none.
  package mutating func binaryWeightConvolution(
    _ name: String, window: Window, groups: Int, weight: Parameter, magnitudes: [Float]?
  ) {
    flush()
    channels = weight.shape[0]
    builder.add(
      Operator(.binaryWeightConvolution, name, window: window, filters: channels, groups: groups))
    builder.add(
      "\(name).weight", words: BitTensor.packed(signsOf: UnsafeBufferPointer(weight.value.elements)))
    if let magnitudes {
      builder.add("\(name).magnitude", shape: [magnitudes.count], floats: magnitudes)
    }
    accumulators = nil
  }

  /// A first layer of 8-bit weights `[filters, kh, kw, C/groups]`; its sums times `weights.scale` plus `bias` are reals.
  package mutating func pixelConvolution(
    _ name: String, window: Window, groups: Int, shape: [Int], weights: PixelWeights, bias: [Float]
  ) {
    flush()
    builder.add(Operator(.pixelConvolution, name, window: window, filters: bias.count, groups: groups))
    builder.add("\(name).weight", shape: shape, int8s: weights.values)
    channels = bias.count
    accumulators = (name, PixelWeights.bound(depth: weights.values.count / bias.count))
    pending.value = ("\(name).value", weights.scale, bias)
  }

  /// A convolution of bits; its accumulators times `factors` are what flows on.
  package mutating func binaryConvolution(
    _ name: String, window: Window, filters: Int, groups: Int, weight: Parameter, factors: [Float]? = nil
  ) {
    builder.add(Operator(.binaryConvolution, name, window: window, filters: filters, groups: groups))
    builder.add(
      "\(name).weight", words: BitTensor.packed(signsOf: UnsafeBufferPointer(weight.value.elements)))
    let depth = weight.count / filters
    accumulators = planes == 1 ? (name, Int32(isUnipolar ? 2 * depth : depth)) : nil
    channels = filters
    pending.factors = factors.map { ("\(name).factor", $0) }
  }

  private var planes = 0
  private var isUnipolar = false

  package mutating func activation(_ name: String, slope: [Float]?) {
    if pending.activation != nil || pending.pool != nil || pending.affine != nil { flush() }
    pending.activation = (name, slope)
  }

  package mutating func maxPool(_ name: String, window: Window) {
    if pending.pool != nil || pending.affine != nil { flush() }
    pending.pool = (name, window)
  }

  package mutating func affine(_ name: String, scale: [Float], shift: [Float]) {
    if pending.affine != nil { flush() }
    pending.affine = (name, scale, shift)
  }

  package mutating func averagePool(_ name: String) {
    flush()
    builder.add(Operator(.averagePool, name))
    accumulators = nil
  }

  package mutating func scale(_ name: String, factor: Float) {
    flush()
    addScale(name, factors: [factor])
    accumulators = nil
  }

  package mutating func binarize(_ name: String, levels: ResidualBinarizer.Levels) throws {
    planes = levels.weights.count
    isUnipolar = levels.isUnipolar
    guard planes == 1, let (source, bound) = accumulators else {
      flush()
      var entry = Operator(.binarize, name)
      entry.planes = levels.weights.map(Int.init)
      entry.exponent = levels.exponent == 0 ? nil : levels.exponent
      entry.unipolar = isUnipolar ? true : nil
      builder.add(entry)
      return
    }
    let (value, affine) = (pending.value, pending.affine)
    let factors = pending.factors.map {
      $0.values.count == channels ? $0.values : Array(repeating: $0.values[0], count: channels)
    }
    let expressions = (0..<channels).map { channel in
      LevelIntervals.Expression(
        unit: value?.scale[channel] ?? factors?[channel] ?? 1, offset: value?.shift[channel] ?? 0,
        slope: pending.activation.map { $0.slope?[channel] ?? 0 } ?? 1,
        scale: affine?.scale[channel] ?? 1,
        shift: affine?.shift[channel] ?? 0, betas: levels.betas)
    }
    let intervals = LevelIntervals.derive(
      expressions, bound: bound, complemented: Array(repeating: false, count: channels))
    var entry = Operator(.threshold, "\(source).threshold")
    entry.unipolar = isUnipolar ? true : nil
    builder.add(entry)
    builder.add(
      "\(source).threshold.interval", shape: [2, channels], integers: intervals.low[0] + intervals.high[0],
      bound: bound)
    if let (name, window) = pending.pool {
      builder.add(Operator(.maxPool, name, window: window))
      // The largest value has the smallest bit where the normalisation falls.
      let falling = expressions.map { $0.scale < 0 ? Float(1) : -1 }
      builder.add(
        "\(name).inverted", words: falling.withUnsafeBufferPointer { BitTensor.packed(signsOf: $0) })
    }
    pending = Pending()
    accumulators = nil
  }
}

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
    if let (name, slope) = pending.activation {
      builder.add(Operator(slope == nil ? .relu : .prelu, name))
      if let slope { builder.add("\(name).slope", shape: [slope.count], floats: slope) }
    }
    if let (name, window) = pending.pool { builder.add(Operator(.maxPool, name, window: window)) }
    if let (name, scale, shift) = pending.affine { addAffine(name, scale: scale, shift: shift) }
    if pending.value != nil || pending.activation != nil || pending.pool != nil || pending.affine != nil {
      accumulators = nil
    }
    pending = Pending()
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

  package mutating func binaryConvolution(
    _ name: String, window: Window, filters: Int, groups: Int, weight: Parameter
  ) {
    builder.add(Operator(.binaryConvolution, name, window: window, filters: filters, groups: groups))
    builder.add(
      "\(name).weight", words: BitTensor.packed(signsOf: UnsafeBufferPointer(weight.value.elements)))
    let depth = weight.count / filters
    accumulators = planes == 1 ? (name, Int32(depth)) : nil
    channels = filters
  }

  private var planes = 0

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
    builder.add(Operator(.scale, name))
    builder.add("\(name).factor", shape: [1], floats: [factor])
    accumulators = nil
  }

  package mutating func binarize(_ name: String, levels: ResidualBinarizer.Levels) throws {
    planes = levels.weights.count
    guard planes == 1, let (source, bound) = accumulators else {
      flush()
      var entry = Operator(.binarize, name)
      entry.planes = levels.weights.map(Int.init)
      entry.exponent = levels.exponent == 0 ? nil : levels.exponent
      builder.add(entry)
      return
    }
    let (value, affine) = (pending.value, pending.affine)
    let expressions = (0..<channels).map { channel in
      LevelIntervals.Expression(
        unit: value?.scale[channel] ?? 1, offset: value?.shift[channel] ?? 0,
        slope: pending.activation.map { $0.slope?[channel] ?? 0 } ?? 1,
        scale: affine?.scale[channel] ?? 1,
        shift: affine?.shift[channel] ?? 0, betas: levels.betas)
    }
    let intervals = LevelIntervals.derive(
      expressions, bound: bound, complemented: Array(repeating: false, count: channels))
    builder.add(Operator(.threshold, "\(source).threshold"))
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

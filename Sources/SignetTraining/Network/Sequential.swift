// SPDX-License-Identifier: Apache-2.0

package import Signet

/// Layers one after the other: a network in training.
package struct Sequential: Sendable {
  package var layers: [any Layer]
  package let input: FeatureShape

  package init(input: FeatureShape, layers: [any Layer]) {
    self.input = input
    self.layers = layers
  }

  /// Values of a forward pass that the backward pass needs.
  package struct Tape: Sendable {
    fileprivate var saved: [any Sendable] = []
  }

  /// The logits of a batch; `observe` sees each layer and its result.
  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext,
    observe: (any Layer, _ input: Tensor, _ output: Tensor) throws -> Void = { _, _, _ in }
  ) throws -> (logits: Tensor, tape: Tape) {
    var tape = Tape()
    tape.saved.reserveCapacity(layers.count)
    var x = x
    for index in layers.indices {
      // By itself: whoever still held the layer while it changes would make it be copied.
      let name = layers[index].name
      let (output, saved) = try context.timed(.forward, of: name) {
        try layers[index].erasedForward(x, phase: phase, on: context)
      }
      try observe(layers[index], x, output)
      tape.saved.append(saved)
      x = output
    }
    return (context.plain(x), tape)
  }

  /// Fills in all gradients; returns that of the input if it is wanted.
  ///
  /// `layerEnded` learns which layer's are there.
  @discardableResult
  package mutating func backward(
    _ gradient: Gradient, tape: consuming Tape, wantsInputGradient: Bool = false, on context: ComputeContext,
    layerEnded: (Int) -> Void = { _ in }
  ) throws -> Gradient? {
    var dy = gradient
    for index in layers.indices.reversed() {
      guard let saved = tape.saved.popLast() else { break }
      let wanted = index > 0 || wantsInputGradient
      let name = layers[index].name
      let dx = try context.timed(.backward, of: name) {
        try layers[index].erasedBackward(dy, saved: saved, wantsInputGradient: wanted, on: context)
      }
      layerEnded(index)
      guard let dx else { return nil }
      dy = dx
    }
    return dy
  }

  /// Visits all parameters under their full names.
  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    for index in layers.indices {
      let name = layers[index].name
      try layers[index].forEachParameter { try body("\(name).\($0)", &$1) }
    }
  }

  package mutating func forEachStatistic(_ body: (String, inout [Float]) throws -> Void) rethrows {
    for index in layers.indices {
      let name = layers[index].name
      try layers[index].forEachStatistic { try body("\(name).\($0)", &$1) }
    }
  }
}

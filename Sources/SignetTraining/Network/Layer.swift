// SPDX-License-Identifier: Apache-2.0

package import Signet

/// A layer of a network in training: forward and backward side by side.
///
/// What backward needs is a value that forward returns, so that a layer holds parameters and nothing of a batch. Room that every
/// forward pass fills anew may be kept, and is shared by copies: they must not compute at the same time.
package protocol Layer: Sendable {
  /// What the backward pass needs from the forward pass.
  associatedtype Saved: Sendable

  /// The layer's name: a stable prefix of its parameters' names.
  var name: String { get }
  /// The shape of one image's result.
  var output: FeatureShape { get }

  mutating func forward(_ x: Tensor, phase: Phase, on context: ComputeContext) throws -> (Tensor, Saved)

  /// Writes the parameters' gradients; returns the input's, unless nobody wants it.
  ///
  /// A gradient in bfloat16 is the layer's own: it may be overwritten. Its maxima, if it has any, are of this very tensor; a
  /// layer whose result is to have them passes on what it writes with ``Gradient/with(maxima:)``.
  mutating func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient?

  /// Visits the parameters, in an order that never changes; names are without the layer's.
  mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows
  /// Visits what is averaged while training and used afterwards.
  mutating func forEachStatistic(_ body: (String, inout [Float]) throws -> Void) rethrows

  /// Gives this copy of a layer room of its own, so that it may compute at the same time as the others.
  mutating func takeOwnRoom()

  /// Adds what the layer amounts to in a compact model.
  func compile(into compiler: inout ModelCompiler) throws
}

extension Layer {
  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {}
  package mutating func forEachStatistic(_ body: (String, inout [Float]) throws -> Void) rethrows {}
  package mutating func takeOwnRoom() {}

  /// Forward with the saved value's type hidden.
  mutating func erasedForward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, any Sendable) {
    let (output, saved) = try forward(x, phase: phase, on: context)
    return (output, saved)
  }

  mutating func erasedBackward(
    _ gradient: Gradient, saved: any Sendable, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    guard let saved = saved as? Saved else {
      preconditionFailure("\(name): saved values of another layer: \(type(of: saved))")
    }
    return try backward(gradient, saved: saved, wantsInputGradient: wantsInputGradient, on: context)
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Adam, with latent weights clipped after each update and their sign changes counted.
///
/// `g ← dW + λ'(W)` with the regulariser's derivative, −2λW or 2λW; `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
/// `W ← clip(W − η·m̂ / (√v̂ + ε))`.
/// - Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
package struct Adam: Sendable {
  package static let beta1: Float = 0.9
  package static let beta2: Float = 0.999
  package static let epsilon: Float = 1e-8

  /// Updates so far.
  package var step = 0

  package init() {}

  /// One update of all parameters.
  ///
  /// - Returns: the share of weights whose sign changed, for each binarized weight tensor's layer.
  /// - Throws: ``TrainingError`` `.notFinite` naming the layer that is nearest to the loss of those whose gradients are not
  ///   finite, or else the first parameter that is no longer finite. Gradients of 1e20 and more are too large, too.
  package mutating func update(
    _ network: inout Sequential, learningRate: Float, regularizer: Regularizer, on context: ComputeContext
  ) throws -> [SignChange] {
    step += 1
    var changes: [SignChange] = []
    changes.reserveCapacity(network.layers.count)
    let correction1 = 1 - pow(Double(Self.beta1), Double(step))
    let correction2 = 1 - pow(Double(Self.beta2), Double(step))
    let step = step
    var (badGradient, badParameter) = (Bad?.none, Bad?.none)
    for index in network.layers.indices {
      let layer = network.layers[index].name
      network.layers[index].forEachParameter { name, parameter in
        var clip = Float.infinity
        if case .latentBinary(let bound) = parameter.role { clip = bound }
        let call = sk_adam(
          step_size: Float(Double(learningRate) / correction1), beta1: Self.beta1, beta2: Self.beta2,
          second_correction: Float(1 / correction2.squareRoot()), epsilon: Self.epsilon,
          decay: regularizer.decay(for: parameter.role), clip: clip)
        let (count, changed) = Self.apply(call, to: parameter, on: context)
        if count > 0 {
          let bad = Bad(layer: layer, parameter: name, count: count)
          badParameter = badParameter ?? bad
          if !parameter.gradient.elements.allSatisfy(\.isFinite) { badGradient = bad }
        }
        if parameter.role != .other {
          changes.append(SignChange(layer: layer, changed: changed, of: parameter.count))
        }
      }
    }
    let advice = "lower the learning rate (now \(learningRate)); the last checkpoint is good"
    if let badGradient {
      throw TrainingError(
        .notFinite,
        "layer “\(badGradient.layer)” got a gradient, of “\(badGradient.parameter)”, that is not finite at step \(step); \(advice)"
      )
    }
    if let badParameter {
      throw TrainingError(
        .notFinite,
        "parameter “\(badParameter.layer).\(badParameter.parameter)” has \(badParameter.count) values that are not finite after step \(step); \(advice)"
      )
    }
    return changes
  }

  /// A parameter, or its gradient, with values that are not finite.
  private struct Bad {
    let layer: String
    let parameter: String
    let count: Int
  }

  /// Updates one parameter; returns how many values are not finite, and how many signs changed.
  private static func apply(
    _ call: sk_adam, to parameter: Parameter, on context: ComputeContext
  ) -> (notFinite: Int, changed: Int) {
    let size = 65536
    let tasks = (parameter.count + size - 1) / size
    // On the stack, but for hundreds of tasks.
    return withUnsafeTemporaryAllocation(of: (notFinite: Int, changed: Int).self, capacity: tasks) { counts in
      withUnsafePointer(to: call) { call in
        nonisolated(unsafe) let counts = counts
        context.crew.pool.run(tasks) { task, _ in
          let first = task * size
          let count = min(size, parameter.count - first)
          let weights = parameter.value.pointer + first
          let changed = context.crew.kernels.adam(
            call, weights, parameter.gradient.pointer + first, parameter.first.pointer + first,
            parameter.second.pointer + first, count)
          var bad = 0
          for index in 0..<count where weights[index].bitPattern & 0x7F80_0000 == 0x7F80_0000 { bad += 1 }
          counts.initializeElement(at: task, to: (bad, changed))
        }
      }
      return counts.reduce((0, 0)) { ($0.0 + $1.notFinite, $0.1 + $1.changed) }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The gradient of the loss with regard to a layer's result, on its way back through the network.
package struct Gradient: Sendable {
  /// Floats, or bfloat16 where the layer that made the result takes it so.
  package var tensor: Tensor { didSet { maxima = nil } }
  /// What its bytes' scales follow from, if whoever wrote the tensor took it; gone with that tensor.
  package fileprivate(set) var maxima: GradientMaxima?
  /// Set if the gradient has passed the activation function before it already: what its slopes get.
  package var slopes: PooledArray<Double>?
  /// What random rounding derives from; differs for each step and each layer.
  package var key: UInt64

  package init(_ tensor: Tensor, key: UInt64 = 0, slopes: PooledArray<Double>? = nil) {
    self.tensor = tensor
    self.key = key
    self.slopes = slopes
  }

  /// The gradient one layer further.
  package func passed(_ tensor: Tensor, slopes: PooledArray<Double>? = nil) -> Gradient {
    Gradient(tensor, key: key &* 0xD134_2543_DE82_EF95 &+ 1, slopes: slopes)
  }

  /// The same with what was taken of the tensor's values on the way.
  func with(maxima: GradientMaxima?) -> Gradient {
    var result = self
    result.maxima = maxima
    return result
  }
}

extension ComputeContext {
  /// A gradient in bfloat16.
  func rounded(_ gradient: Tensor) -> Tensor {
    guard gradient.element == .float32 else { return gradient }
    let result = tensor(gradient.images, gradient.shape, .bfloat16)
    let (source, target) = (gradient.pointer, result.raw.assumingMemoryBound(to: UInt16.self))
    crew.pool.runRanges(gradient.count, grain: 4096) { range, _ in
      gradients.pointee.round(source + range.lowerBound, target + range.lowerBound, range.count)
    }
    withExtendedLifetime(gradient) {}
    return result
  }

  /// A gradient in floats.
  package func widened(_ gradient: Tensor) -> Tensor {
    guard gradient.element == .bfloat16 else { return gradient }
    let result = tensor(gradient.images, gradient.shape)
    let (source, target) = (gradient.raw.assumingMemoryBound(to: UInt16.self), result.pointer)
    crew.pool.runRanges(gradient.count, grain: 4096) { range, _ in
      gradients.pointee.widen(source + range.lowerBound, target + range.lowerBound, range.count)
    }
    withExtendedLifetime(gradient) {}
    return result
  }
}

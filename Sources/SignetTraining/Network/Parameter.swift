// SPDX-License-Identifier: Apache-2.0

package import Signet

/// Numbers that are learned, with their gradient and the optimizer's state.
package struct Parameter: Sendable {
  /// What a parameter is for; optimizer and regulariser go by it.
  package enum Role: Hashable, Sendable {
    /// Real weights whose signs the network uses, kept in [−clip, clip].
    case latentBinary(clip: Float)
    /// Weights of a real convolution.
    case weight
    /// Everything else: biases, slopes, BatchNorm, scale.
    case other
  }

  package let role: Role
  package let shape: [Int]
  package let value: AlignedBuffer<Float>
  /// Each shard of a batch has its own.
  package internal(set) var gradient: AlignedBuffer<Float>
  /// Adam's running mean of the gradient.
  package let first: AlignedBuffer<Float>
  /// Adam's running mean of the squared gradient.
  package let second: AlignedBuffer<Float>

  package var count: Int { value.count }

  package init(_ role: Role, shape: [Int], values: [Float]) {
    self.role = role
    self.shape = shape
    value = AlignedBuffer(values)
    gradient = AlignedBuffer(count: values.count)
    first = AlignedBuffer(count: values.count)
    second = AlignedBuffer(count: values.count)
  }

  /// `count` equal values.
  package init(_ role: Role, count: Int, value: Float) {
    self.init(role, shape: [count], values: Array(repeating: value, count: count))
  }

  /// Weights `[filters, kh, kw, depth]`, uniform in ±√(6 / (fan in + fan out)).
  ///
  /// - Source: Glorot and Bengio 2010, equation 16.
  package init(
    _ role: Role, glorot window: Window, filters: Int, depth: Int, groups: Int, using random: inout SplitMix64
  ) {
    let fanIn = window.taps * depth
    let fanOut = window.taps * filters / groups
    let bound = (6 / Float(fanIn + fanOut)).squareRoot()
    self.init(
      role, shape: [filters, window.kernelHeight, window.kernelWidth, depth],
      values: (0..<filters * fanIn).map { _ in random.uniform(-bound, bound) })
  }
}

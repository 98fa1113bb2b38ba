// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// A kind of multiply-add that a step's time is made of, each with a peak of its own.
package enum MultiplyAdd: String, CaseIterable, Sendable {
  /// Of bits: xor, count, add; a plane counts as one.
  case binary
  /// Of 32-bit floats.
  case float
  /// Of 8-bit integers, in 32-bit sums.
  case byte

  /// The mix of instructions on registers that is its peak; returns the multiply-adds of so many rounds.
  package func peak(_ kernels: sk_kernels) -> (Int) -> Double {
    switch self {
    case .binary: kernels.peak_binary
    case .float: kernels.peak_float
    case .byte: kernels.peak_bytes
    }
  }
}

extension Program.Node {
  /// The multiply-adds of one image; nil for operators that are none.
  package var multiplyAdds: (kind: MultiplyAdd, count: Int)? {
    switch operation {
    case .convolution(let window, let groups, _, _):
      return (.float, output.shape.count * window.taps * (input.shape.channels / groups))
    case .pixelConvolution(let window, let groups, _):
      return (.byte, output.shape.count * window.taps * (input.shape.channels / groups))
    case .binaryConvolution(let window, let groups, _):
      guard case .codes(_, let planes, _, _) = input else { return nil }
      return (.binary, output.shape.count * window.taps * (input.shape.channels / groups) * planes.count)
    case .activation, .maxPool, .codePool, .averagePool, .affine, .binarize, .threshold, .scale,
      .channelScale:
      return nil
    }
  }
}

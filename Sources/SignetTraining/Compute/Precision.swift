// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// What the products of a training step are computed with, apart from a binary layer's forward pass, which is exact.
///
/// Both products of a binary layer's backward pass; products with real weights are in bfloat16 if these are rounded, where the
/// CPU has instructions for it. Everything else is in fp32: weights, BatchNorm, activation functions, Adam; evaluation always.
package enum Precision: String, Codable, CaseIterable, Sendable {
  /// Gradients as they are.
  case float32 = "fp32"
  /// Gradients rounded to bfloat16, sums in fp32.
  case bfloat16 = "bf16"
  /// Gradients rounded at random to 8 bits, scaled by pixel for `dX` and by filter for `dW`; sums in int32.
  case int8

  package var kernel: sk_precision {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8: .int8
    }
  }

  /// How gradients between binary layers are kept.
  var element: Tensor.Element { self == .float32 ? .float32 : .bfloat16 }

  /// Rows that one 32-bit word of an operand holds.
  var rowsInWord: Int {
    switch self {
    case .float32: 1
    case .bfloat16: 2
    case .int8: 4
    }
  }
}

extension sk_gradients {
  /// The products in one precision.
  func product(_ precision: Precision) -> sk_products {
    switch precision {
    case .float32: products.0
    case .bfloat16: products.1
    case .int8: products.2
    }
  }
}

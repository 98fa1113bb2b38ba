// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// No binarization: the same blocks (BatchNorm, convolution, activation) with real weights and activations.
  package static let fullPrecision = Method(
    name: "full-precision", weights: .real, order: .normFirst, activation: .prelu, lastLayer: .full, clip: 1,
    learningRate: 1e-3)
}

// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// Binarized neural networks: weights and activations are signs, in all layers but the one that reads the image.
  ///
  /// - Block: `x ← sign(BatchNorm(pool(sign(W) ⊛ x)))`; BatchNorm alone behind the last layer, which is binary too.
  /// - Backward: `dz = dx` where |z| ≤ 1, else 0, the slope of hard tanh; `dW = g`; W is kept in [−1, 1].
  /// - No factor and no PReLU. Deterministic signs.
  /// - Source: Courbariaux et al. 2016, arXiv:1602.02830, algorithm 1.
  package static let bnn = Method(
    name: "bnn", weights: .sign, binarizations: 1, order: .convolutionFirst, activation: .none,
    lastLayer: .binary, clip: 1, learningRate: 1e-3)
}

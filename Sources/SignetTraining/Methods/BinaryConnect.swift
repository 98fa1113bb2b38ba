// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// BinaryConnect: weights of one bit, real activations.
  ///
  /// - Block: `x ← ReLU(BatchNorm(pool(sign(W) ⊛ x)))`; BatchNorm without ReLU behind the last layer, which is binary too.
  /// - Backward: `dW = g`, the gradient with regard to sign(W), wherever W is; W is kept in [−1, 1] after each update.
  /// - Deterministic signs; the first layer's weights are real here, as in every method.
  /// - Source: Courbariaux, Bengio, David 2015, arXiv:1511.00363, algorithm 1.
  package static let binaryConnect = Method(
    name: "binaryconnect", weights: .sign, order: .convolutionFirst, activation: .relu, lastLayer: .binary,
    clip: 1, learningRate: 1e-3)
}

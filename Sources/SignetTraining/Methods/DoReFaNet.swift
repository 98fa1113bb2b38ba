// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// DoReFa-Net: weights of one bit with a magnitude a layer, activations of k bits in [0, 1], gradients of k bits if wanted.
  ///
  /// - Block: `x ← Q(clip(BatchNorm(pool(α sign(W) ⊛ x)), 0, 1))`, `α = mean|W|` of the layer, `Q(z) = round((2^k − 1)·z)/(2^k − 1)`;
  ///   first and last layer are real, the last one reads `ReLU(BatchNorm(x))`.
  /// - Backward: `dz = dx` where 0 ≤ z ≤ 1, else 0; `dW = g`, W is not clipped; with gradient bits, dy goes through
  ///   ``GradientQuantizer`` first.
  /// - Source: Zhou et al. 2016, arXiv:1606.06160, sections 2.3 to 2.7 and algorithm 1; k = 2 as in its abstract.
  package static let dorefa = Method(
    name: "dorefa", weights: .signPerLayer, activationBits: 2, order: .convolutionFirst, activation: .none,
    lastLayer: .full, clip: nil, learningRate: 1e-3)
}

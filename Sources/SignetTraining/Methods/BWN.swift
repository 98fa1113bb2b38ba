// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// Binary-weight networks: each filter is a sign and a magnitude, activations are real.
  ///
  /// - Block: `x ← ReLU(BatchNorm(pool(α sign(W) ⊛ x)))`, `α_f = mean|W|` of filter f; first and last layer are real.
  /// - Backward: `dW = g·(1/n + α_f·[|W| ≤ 1])`, n weights a filter; W is kept in [−1, 1].
  /// - Source: Rastegari et al. 2016, arXiv:1603.05279, section 3.1 and algorithm 1.
  package static let bwn = Method(
    name: "bwn", weights: .signPerFilter, order: .convolutionFirst, activation: .relu, lastLayer: .full,
    clip: 1, learningRate: 1e-3)
}

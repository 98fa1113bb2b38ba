// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// XNOR-Net: filters of a sign and a magnitude, activations of a sign, BatchNorm before the binarization.
  ///
  /// - Block: `x ← pool(ReLU(α (sign(W) ⊛ sign(BatchNorm(x)))))`, `α_f = mean|W|` of filter f; first and last layer are real.
  /// - Backward: `dz = dx` where |z| ≤ 1, else 0; `dW = g·(1/n + α_f·[|W| ≤ 1])`, n weights a filter; W is kept in [−1, 1].
  /// - The input's scale K is left out, as implementations do; see decision 9.
  /// - Source: Rastegari et al. 2016, arXiv:1603.05279, section 3.2 and figure 3; ReLU behind the convolution as section 3.2 allows.
  package static let xnor = Method(
    name: "xnor", weights: .signPerFilter, binarizations: 1, order: .normFirst, activation: .relu,
    lastLayer: .full, clip: 1, learningRate: 1e-3)
}

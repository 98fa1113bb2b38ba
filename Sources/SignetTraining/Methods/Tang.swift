// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// Tang, Hua and Wang's method: all five of its findings.
  ///
  /// Low learning rate; PReLU; the bipolar regulariser `λ Σ (1 − W²)` on latent weights; a binary last layer with a scale
  /// layer; activations in M residual planes. Weights are `sign(W)` without a factor, W kept in [−1, 1].
  /// - Source: AAAI 2017, doi 10.1609/aaai.v31i1.10862, algorithm 1 and the experiments' settings.
  package static let tang = Method(
    name: "tang", weights: .sign, binarizations: 1, order: .normFirst, activation: .prelu,
    lastLayer: .binary, scaleLayer: true, regularizer: .bipolar(5e-7), clip: 1, learningRate: 1e-4)
}

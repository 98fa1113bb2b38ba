// SPDX-License-Identifier: Apache-2.0

import Signet

/// k-bit activations in [0, 1], as residual planes whose β are fixed.
///
/// - Forward: with `s = 2^k − 1`, `q = round(s·clip(z, 0, 1))` and the layer computes with `q/s`. As planes: of
///   `t = s·(z − ½)` the residual binarization with β = 2^(k−2), …, 1, ½ gives the bits of q, first plane highest, since
///   `q ≥ j` where `t ≥ j − ½ − s/2`, and both ends saturate as the clip does. `q = Σ 2^(k−m) (H_m + 1)/2`. Ties go up.
/// - Backward: `dz = d(q/s)` where 0 ≤ z ≤ 1, else 0; exactly the slope of `clip(z, 0, 1)`.
/// - A padding of zeros is q = 0: all planes −1.
/// - Source: Zhou et al. 2016 (DoReFa-Net), arXiv:1606.06160, section 2.4.
extension ResidualBinarizer {
  /// Activations of `bits` bits, 1 to 4.
  package init(bits: Int) {
    self.init(planes: bits, isUnipolar: true)
  }

  /// `t = fma(scale, x, shift)`, what the planes are taken of, for `z = fma(affine.scale, x, affine.shift)`.
  package func stretched(
    _ affine: Normalization.Affine, on context: ComputeContext
  ) -> (scale: PooledArray<Float>, shift: PooledArray<Float>) {
    guard isUnipolar else { return (affine.scale, affine.shift) }
    let channels = affine.scale.count
    let both = context.array(2 * channels, of: Float.self)
    let (scale, shift) = (both.slice(0, of: channels), both.slice(1, of: channels))
    for channel in 0..<channels {
      scale[channel] = stretched(scale: affine.scale[channel])
      shift[channel] = stretched(shift: affine.shift[channel])
    }
    return (scale, shift)
  }

  /// The same for arrays.
  package func stretched(
    _ affine: (scale: [Float], shift: [Float])
  ) -> (scale: [Float], shift: [Float]) {
    guard isUnipolar else { return affine }
    return (affine.scale.map(stretched(scale:)), affine.shift.map(stretched(shift:)))
  }

  private var steps: Float { Float(1 << planes - 1) }
  private func stretched(scale: Float) -> Float { steps * scale }
  private func stretched(shift: Float) -> Float { steps * (shift - 0.5) }

  /// The gradient passes where |t| is at most this.
  package var edge: Float { isUnipolar ? Float(1 << planes - 1) / 2 : 1 }
}

extension ResidualBinarizer.Levels {
  /// The planes of k-bit numbers: weights 2^(k−1), …, 1 in units of ½, so that the levels lie 1 apart; a single plane has weight 1.
  package static func unipolar(bits: Int) -> Self {
    Self(
      weights: (0..<bits).map { 1 << Int32(bits - 1 - $0) }, exponent: bits == 1 ? 0 : 1, isUnipolar: true)
  }

  /// What one unit of an accumulator, `Σ n_m (H_m + 1)·2^−e` or `Σ n_m H_m·2^−e`, stands for: 1/s where levels are whole numbers.
  package var step: Float {
    guard isUnipolar else { return 1 }
    return 1 / (Float(1 << weights.count - 1) * (weights.count == 1 ? 2 : 1))
  }

  /// The number that each code stands for; bit m of a code is plane m's.
  package var values: [Float] {
    let betas = betas
    return (0..<1 << weights.count).map { code in
      guard isUnipolar else {
        return betas.indices.reduce(0) { $0 + (code >> $1 & 1 == 1 ? betas[$1] : -betas[$1]) }
      }
      let q = weights.indices.reduce(Int32(0)) { $0 + (code >> $1 & 1 == 1 ? weights[$1] : 0) }
      return Float(q) / Float(1 << weights.count - 1)
    }
  }
}

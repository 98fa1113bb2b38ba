// SPDX-License-Identifier: Apache-2.0

/// One step of a compact model as its file describes it: what is done, and with which sizes.
///
/// Operators run in order; each reads what the one before it gave. Values between them are *reals*, *codes* (M planes of
/// ±1 with integer weights n_m and a unit 2^−e, standing for Σ n_m·2^−e·H_m; unipolar ones count from their lowest level,
/// Σ n_m·2^−e·(H_m + 1)), or reals that are whole multiples of a unit (the accumulators of a convolution on integers). Tensors are named `<name>.<part>`.
///
/// | op | reads → gives | tensors |
/// | --- | --- | --- |
/// | `convolution` | reals → reals | `weight` F32 [filters, kh, kw, C/groups], `bias` F32 [filters] |
/// | `pixel_convolution` | bytes → accumulators, integers | `weight` I8 [filters, kh, kw, C/groups], −127…127 |
/// | `binary_convolution` | codes → accumulators | `weight` U32: bits of [filters, kh, kw, C/groups], low bit first, no padding |
/// | `binary_weight_convolution` | reals → reals | `weight` U32 as above, `magnitude` F32 [filters] or [1] (or none) |
/// | `prelu`, `relu` | reals → reals | `slope` F32 [C] (prelu) |
/// | `max_pool` | reals or codes → same | `inverted` U32 (codes): bits of channels that are pooled by minimum |
/// | `average_pool` | reals → reals, one pixel | |
/// | `affine` | reals → reals | `scale`, `shift` F32 [C] |
/// | `binarize` | reals → codes | |
/// | `threshold` | accumulators → codes, M = 1 | `interval` I16 or I32 [2, C]: +1 where low ≤ a < high, cyclic |
/// | `scale` | reals → reals | `factor` F32 [1] |
/// | `channel_scale` | reals → reals | `factor` F32 [C] |
package struct Operator: Codable, Hashable, Sendable {
  package enum Kind: String, Codable, Sendable {
    case convolution
    case pixelConvolution = "pixel_convolution"
    case binaryConvolution = "binary_convolution"
    case binaryWeightConvolution = "binary_weight_convolution"
    case prelu, relu
    case maxPool = "max_pool"
    case averagePool = "average_pool"
    case affine, binarize, threshold, scale
    case channelScale = "channel_scale"
  }

  package var op: Kind
  package var name: String
  package var filters: Int?
  package var kernel: [Int]?
  package var stride: [Int]?
  package var padding: [Int]?
  package var groups: Int?
  /// `binarize`: the integer weights n_m of the planes.
  package var planes: [Int]?
  /// `binarize`: e of the unit 2^−e.
  package var exponent: Int?
  /// `binarize`, `threshold`: whether what the bits stand for counts from the lowest level; nil for symmetric levels.
  package var unipolar: Bool?

  package init(_ op: Kind, _ name: String) {
    self.op = op
    self.name = name
  }

  /// The format version that has this operator.
  package var formatVersion: Int {
    op == .binaryWeightConvolution || op == .channelScale || unipolar != nil ? 2 : 1
  }

  /// A convolution's or a pool's window; square and unit values are written short.
  package init(_ op: Kind, _ name: String, window: Window, filters: Int? = nil, groups: Int = 1) {
    self.init(op, name)
    self.filters = filters
    kernel = [window.kernelHeight, window.kernelWidth]
    if window.strideHeight != 1 || window.strideWidth != 1 {
      stride = [window.strideHeight, window.strideWidth]
    }
    if window.padTop != 0 || window.padLeft != 0 { padding = [window.padTop, window.padLeft] }
    if groups != 1 { self.groups = groups }
  }
}

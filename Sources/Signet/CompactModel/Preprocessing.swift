// SPDX-License-Identifier: Apache-2.0

/// How an image becomes the input of a network; stored in the model, so that a deployed model knows how to treat one.
///
/// A pixel's byte `p` of channel `c` becomes `(p / 255 − mean[c]) / deviation[c]`; with ``zero``, it becomes
/// `(p − zero[c]) / (255 · deviation[c])`, which differs by less than half a grey level.
/// - Shapes: the input is `[height, width, channels]`; `mean` and `deviation` are `[channels]`.
public struct Preprocessing: Codable, Hashable, Sendable {
  /// How an image of another size is brought to the input size.
  public enum Resize: String, Codable, Hashable, Sendable {
    /// Both sides are scaled to the input's, whatever the aspect ratio.
    case stretch
    /// The shorter side is scaled to 8/7 of the input's longer side, then the centre is cut out.
    case centerCrop = "center_crop"
  }

  /// Rows of the input.
  public var height: Int
  /// Columns of the input.
  public var width: Int
  /// 1 for grey, 3 for RGB.
  public var channels: Int
  /// What is subtracted, per channel, on the scale where white is 1.
  public var mean: [Float]
  /// What is divided by, per channel, on the scale where white is 1.
  public var deviation: [Float]
  /// How an image of another size is brought to the input size.
  public var resize: Resize
  /// The byte that stands for 0, per channel, in models whose first layer has 8-bit weights; nil in others.
  ///
  /// Such a model computes on bytes. Zero padding is this byte.
  public var zero: [UInt8]?

  /// Creates a description; see the properties.
  public init(
    height: Int, width: Int, channels: Int, mean: [Float], deviation: [Float], resize: Resize = .stretch,
    zero: [UInt8]? = nil
  ) {
    self.height = height
    self.width = width
    self.channels = channels
    self.mean = mean
    self.deviation = deviation
    self.resize = resize
    self.zero = zero
  }

  /// The network's input for each channel and byte value: `table[c * 256 + p]`.
  ///
  /// The trainer and the engine both look their inputs up here, so that they can't disagree.
  package func table() -> [Float] {
    let units = units
    return (0..<channels).flatMap { c in
      (0..<256).map { p in
        guard let zero else { return (Float(p) / 255 - mean[c]) / deviation[c] }
        return Float(p - Int(zero[c])) * units[c]
      }
    }
  }
}

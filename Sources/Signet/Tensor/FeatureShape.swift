// SPDX-License-Identifier: Apache-2.0

/// The shape of one image's activations: NHWC without the N.
public struct FeatureShape: Codable, Hashable, Sendable, CustomStringConvertible {
  /// Rows.
  public var height: Int
  /// Columns.
  public var width: Int
  /// Channels of a pixel.
  public var channels: Int

  /// Creates a shape; see the properties.
  public init(height: Int, width: Int, channels: Int) {
    self.height = height
    self.width = width
    self.channels = channels
  }

  /// Rows times columns.
  public var pixels: Int { height * width }
  /// Values of one image.
  public var count: Int { pixels * channels }
  /// For instance `14×14×96`.
  public var description: String { "\(height)×\(width)×\(channels)" }
}

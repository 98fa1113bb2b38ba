// SPDX-License-Identifier: Apache-2.0

/// The shape of one image's activations: NHWC without the N.
///
/// Any sizes can be asked for: those of a model are positive and small, but a shape may come from elsewhere. ``pixels`` and
/// ``count`` take a size below zero for zero, and a product beyond the largest `Int` is the largest `Int`.
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

  /// Rows times columns, from 0 to the largest `Int`.
  public var pixels: Int { Self.product(height, width) }
  /// Values of one image, from 0 to the largest `Int`.
  public var count: Int { Self.product(pixels, channels) }
  /// For instance `14×14×96`.
  public var description: String { "\(height)×\(width)×\(channels)" }

  private static func product(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = max(a, 0).multipliedReportingOverflow(by: max(b, 0))
    return overflow ? .max : product
  }
}

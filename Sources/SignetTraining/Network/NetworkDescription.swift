// SPDX-License-Identifier: Apache-2.0

/// A network as a list of layers, without a word on how they are binarized.
///
/// The first convolution or dense layer reads the image, the last one gives a logit for each class; the method says what the
/// layers between them are made of.
package struct NetworkDescription: Codable, Hashable, Sendable {
  package var name: String
  /// Height, width, channels of the input; nil for whatever the data has.
  package var input: [Int]?
  /// What the filters of all layers but the last are multiplied with; nil, as in files from before there was a choice, is 1.
  package var width: Float?
  /// As they are at a width of 1.
  package var layers: [LayerDescription]

  package init(name: String, input: [Int]? = nil, width: Float? = nil, layers: [LayerDescription]) {
    self.name = name
    self.input = input
    self.width = width
    self.layers = layers
  }
}

/// One layer of a network.
package struct LayerDescription: Codable, Hashable, Sendable {
  package enum Kind: String, Codable, CaseIterable, Sendable {
    case convolution
    /// A convolution whose window is the whole input.
    case dense
    case maxPool = "max_pool"
    /// Over all pixels.
    case averagePool = "average_pool"
  }

  package var type: Kind
  package var name: String?
  /// Output channels; nil in the last convolution or dense layer for the number of classes.
  package var filters: Int?
  package var kernel: Extent?
  package var stride: Extent?
  package var padding: Extent?
  package var groups: Int?

  /// Two numbers along height and width, written as one if they are equal.
  package struct Extent: Codable, Hashable, Sendable {
    package var height: Int
    package var width: Int

    package init(_ size: Int) { (height, width) = (size, size) }

    package init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let size = try? container.decode(Int.self) {
        (height, width) = (size, size)
        return
      }
      let pair = try container.decode([Int].self)
      guard pair.count == 2 else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "expected a number or two of them")
      }
      (height, width) = (pair[0], pair[1])
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      if height == width { try container.encode(height) } else { try container.encode([height, width]) }
    }
  }

  package static func convolution(
    _ name: String, _ filters: Int?, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1
  ) -> LayerDescription {
    LayerDescription(
      type: .convolution, name: name, filters: filters, kernel: Extent(kernel),
      stride: stride == 1 ? nil : Extent(stride),
      padding: padding == 0 ? nil : Extent(padding), groups: groups == 1 ? nil : groups)
  }

  package static func dense(_ name: String, _ filters: Int?) -> LayerDescription {
    LayerDescription(type: .dense, name: name, filters: filters)
  }

  package static func maxPool(_ kernel: Int, stride: Int) -> LayerDescription {
    LayerDescription(type: .maxPool, kernel: Extent(kernel), stride: Extent(stride))
  }

  package static let averagePool = LayerDescription(type: .averagePool)
}

/// A network whose layers do not fit; the place is told by the layer's index.
package struct NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Index of the layer in the description, or nil where it is the whole network's fault.
  package let layer: Int?
  package let description: String

  package init(layer: Int?, _ description: String) {
    self.layer = layer
    self.description = description
  }
}

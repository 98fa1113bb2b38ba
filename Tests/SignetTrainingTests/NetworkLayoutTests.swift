// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Oracle: sizes worked out by hand, and the rule that a message names the layer and its shapes.
@Suite struct NetworkLayoutTests {
  static let image = FeatureShape(height: 28, width: 20, channels: 6)

  static func layout(_ layers: [LayerDescription], classes: Int = 10) throws -> NetworkLayout {
    try NetworkLayout(NetworkDescription(name: "n", layers: layers), input: image, classes: classes)
  }

  struct Bad: CustomTestStringConvertible, Sendable {
    var layers: [LayerDescription]
    /// Index of the layer at fault.
    var layer: Int?
    /// What the message must say.
    var says: [String]
    var testDescription: String { says.joined(separator: ", ") }
  }

  static func changed(
    _ layer: LayerDescription, _ change: (inout LayerDescription) -> Void
  ) -> LayerDescription {
    var layer = layer
    change(&layer)
    return layer
  }

  static func pool(_ change: (inout LayerDescription) -> Void) -> LayerDescription {
    changed(.maxPool(2, stride: 2), change)
  }

  static func named(_ name: String) -> LayerDescription { .convolution(name, 4, kernel: 1) }

  static let dense = LayerDescription.dense("d", nil)
  static let bad: [Bad] = [
    Bad(layers: [.convolution("big", 4, kernel: 21), dense], layer: 0, says: ["“big”", "28×20×6", "21×21"]),
    Bad(
      layers: [named("a"), .convolution("b", 4, kernel: 29, padding: 4), dense], layer: 1,
      says: ["layer 2 “b”", "28×20×4", "29×29", "padding 4×4"]),
    Bad(
      layers: [.convolution("p", 4, kernel: 3, padding: 3), dense], layer: 0, says: ["“p”", "padding 3×3"]),
    Bad(layers: [.convolution("k", 4, kernel: 0), dense], layer: 0, says: ["“k”", "0×0"]),
    Bad(layers: [.convolution("k", 4, kernel: -3), dense], layer: 0, says: ["“k”", "-3×-3"]),
    Bad(layers: [.convolution("s", 4, kernel: 3, stride: 0), dense], layer: 0, says: ["“s”", "stride 0×0"]),
    Bad(layers: [.convolution("s", 4, kernel: 1 << 62), dense], layer: 0, says: ["“s”", "does not fit"]),
    Bad(
      layers: [.convolution("g", 8, kernel: 1, groups: 4), dense], layer: 0,
      says: ["“g”", "4 groups", "6 channels", "8 filters"]),
    Bad(
      layers: [.convolution("g", 8, kernel: 1, groups: 3), dense], layer: 0,
      says: ["“g”", "3 groups", "8 filters"]),
    Bad(layers: [.convolution("g", 8, kernel: 1, groups: 0), dense], layer: 0, says: ["“g”", "0 groups"]),
    Bad(
      layers: [.convolution("f", nil, kernel: 1), dense], layer: 0, says: ["“f”", "“filters” is missing"]),
    Bad(layers: [.convolution("f", 0, kernel: 1), dense], layer: 0, says: ["“f”", "0 filters"]),
    Bad(layers: [.convolution("f", .max, kernel: 1), dense], layer: 0, says: ["“f”", "filters"]),
    Bad(
      layers: [.averagePool, .dense("a", 1 << 20), .dense("b", 1 << 20), .dense("c", nil)], layer: 2,
      says: ["“b”", "1×1048576 weights"]),
    Bad(
      layers: [.averagePool, .dense("a", 1 << 20), .dense("b", 1 << 11), .dense("c", nil)], layer: 2,
      says: ["“b”", "weights", "can be trained"]),
    Bad(layers: [named("a"), .dense("d", 12)], layer: 1, says: ["“d”", "12 logits for 10 classes"]),
    Bad(layers: [named("a"), named("a"), dense], layer: 1, says: ["layer 2 “a”", "taken"]),
    Bad(layers: [named("a b"), dense], layer: 0, says: ["“a b”", "letters"]),
    Bad(layers: [named(""), dense], layer: 0, says: ["layer 1", "letters"]),
    Bad(layers: [named("a.b"), dense], layer: 0, says: ["“a.b”", "letters"]),
    Bad(layers: [named("größe"), dense], layer: 0, says: ["“größe”", "letters"]),
    Bad(layers: [named("a"), .convolution("b", nil, kernel: 1)], layer: 1, says: ["28×20×10", "1×1×10"]),
    Bad(layers: [dense], layer: nil, says: ["1 convolutions", "at least 2"]),
    Bad(layers: [], layer: nil, says: ["0 convolutions", "at least 2"]),
    Bad(
      layers: [named("a"), pool { $0.filters = 3 }, dense], layer: 1,
      says: ["layer 2 “max_pool2”", "28×20×4", "no “filters”"]),
    Bad(layers: [named("a"), pool { $0.kernel = nil }, dense], layer: 1, says: ["“max_pool2”", "“kernel”"]),
    Bad(
      layers: [named("a"), pool { $0.kernel = .init(17) }, dense], layer: 1,
      says: ["“max_pool2”", "256 pixels"]),
    Bad(
      layers: [named("a"), changed(.averagePool) { $0.kernel = .init(2) }, dense], layer: 1,
      says: ["“average_pool2”", "no options"]),
    Bad(
      layers: [named("a"), changed(dense) { $0.kernel = .init(2) }], layer: 1,
      says: ["“d”", "no “kernel”"]),
  ]

  @Test(arguments: bad)
  func misfit(_ test: Bad) {
    let error = #expect(throws: NetworkError.self) { try Self.layout(test.layers) }
    #expect(error?.layer == test.layer)
    for part in test.says {
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }
  }

  @Test func wholeNetwork() {
    let few = #expect(throws: NetworkError.self) {
      try Self.layout([Self.named("a"), Self.dense], classes: 1)
    }
    #expect(few?.description.contains("at least 2 classes") == true)
    let other = #expect(throws: NetworkError.self) {
      try NetworkLayout(
        NetworkDescription(name: "n", input: [32, 32, 3], layers: [Self.named("a"), Self.dense]),
        input: Self.image, classes: 10)
    }
    #expect(other?.description.contains("32×32×3") == true && other?.description.contains("28×20×6") == true)
  }

  @Test func shapesOfAFit() throws {
    let layout = try Self.layout([
      .convolution("a", 9, kernel: 5, stride: 2, padding: 2, groups: 3), .maxPool(3, stride: 2),
      .convolution("b", 4, kernel: 2), Self.pool { $0.kernel = .init(8) }, .dense("c", 7), .dense("d", 10),
    ])
    #expect(layout.output == FeatureShape(height: 1, width: 1, channels: 10))
    #expect(layout.convolutions == [0, 2, 4, 5])
    let shapes = layout.layers.map { layer -> [Int] in
      switch layer {
      case .convolution(_, let window, let filters, _, _): [window.outHeight, window.outWidth, filters]
      case .maxPool(_, let window, let channels): [window.outHeight, window.outWidth, channels]
      case .averagePool(_, let input): [1, 1, input.channels]
      }
    }
    // 28×20 → 14×10 → pool, rounded up: 7×5 → 6×4 → a pool larger than the image: 1×1.
    #expect(shapes == [[14, 10, 9], [7, 5, 9], [6, 4, 4], [1, 1, 4], [1, 1, 7], [1, 1, 10]])
  }
}

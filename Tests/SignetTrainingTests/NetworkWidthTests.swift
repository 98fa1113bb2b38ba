// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Testing

/// Oracle: filters worked out by hand, and the same network written down with them.
@Suite struct NetworkWidthTests {
  static func filters(_ network: NetworkDescription, _ width: Float) throws -> [Int?] {
    var network = network
    network.width = width
    return try network.widened().layers.filter { [.convolution, .dense].contains($0.type) }.map(\.filters)
  }

  static let builtIn: [(network: NetworkDescription, width: Float, filters: [Int?])] = [
    (.ninCifar, 0.5, [96, 80, 48, 96, 96, 96, 96, 96, nil]),
    (.ninCifar, 0.25, [48, 48, 32, 48, 48, 48, 48, 48, nil]),
    (.ninCifar, 1.5, [288, 240, 144, 288, 288, 288, 288, 288, nil]),
    (.ninCifar, 1, [192, 160, 96, 192, 192, 192, 192, 192, nil]),
    (.ninSmall, 0.5, [16, 32, 64, 64, 48, nil]),
    (.ninSmall, 0.015625, [16, 16, 16, 16, 16, nil]),
    (.vggSmall, 0.75, [96, 96, 192, 192, 384, 384, 768, 768, nil]),
    // 38.4, 102.4, 153.6 and 409.6.
    (.nin, 0.4, [32, 32, 32, 96, 96, 96, 160, 160, 160, 416, 416, nil]),
    (.mlp, 64, [32768, 32768, 32768, nil]),
  ]

  @Test(arguments: builtIn.indices) func filtersAreMultiplesOf16(index: Int) throws {
    let (network, width, filters) = Self.builtIn[index]
    #expect(try Self.filters(network, width) == filters)
  }

  @Test func oddNumbersNeverMoveTheWrongWay() throws {
    let network = NetworkDescription(
      name: "n",
      layers: [.dense("a", 8), .dense("b", 20), .dense("c", 24), .dense("d", 40), .dense("e", 7)])
    #expect(try Self.filters(network, 0.9) == [8, 16, 16, 32, 7])
    #expect(try Self.filters(network, 0.1) == [8, 16, 16, 16, 7])
    #expect(try Self.filters(network, 1.05) == [16, 20, 32, 48, 7])
    #expect(try Self.filters(network, 2) == [16, 48, 48, 80, 7])
  }

  @Test func groupsGoOnDividing() throws {
    func layers(_ first: Int, _ second: Int) -> NetworkDescription {
      NetworkDescription(
        name: "n",
        layers: [
          .convolution("a", 96, kernel: 1, groups: first), .maxPool(2, stride: 2),
          .convolution("b", 96, kernel: 1, groups: second), .averagePool, .dense("c", nil),
        ])
    }
    // Multiples of 48, for three groups in either layer, and of 16 behind them.
    #expect(try Self.filters(layers(1, 3), 0.4) == [48, 48, nil])
    #expect(try Self.filters(layers(3, 1), 0.4) == [48, 32, nil])
    #expect(try Self.filters(layers(2, 32), 0.4) == [32, 32, nil])
    #expect(try Self.filters(layers(1, 3), 1.3) == [144, 144, nil])
    for width in [Float(0.1), 0.3, 0.7, 1.7, 5] {
      var network = layers(3, 32)
      network.width = width
      let input = FeatureShape(height: 4, width: 4, channels: 3)
      #expect(try NetworkLayout(network, input: input, classes: 4).output.channels == 4)
    }
    // What does not fit is refused as it is without a width.
    var wrong = layers(5, 1)
    wrong.width = 0.5
    #expect(throws: NetworkError.self) {
      try NetworkLayout(wrong, input: FeatureShape(height: 4, width: 4, channels: 5), classes: 4)
    }
  }

  @Test(arguments: [Float(0), -1, .nan, .infinity, 64.5, 0.01]) func otherWidthsAreRefused(width: Float)
    throws
  {
    var network = NetworkDescription.ninSmall
    network.width = width
    let error = try #require(throws: NetworkError.self) {
      try NetworkLayout(network, input: FeatureShape(height: 28, width: 28, channels: 1), classes: 10)
    }
    #expect(error.description.contains("\(width)") && error.description.contains("64"))
  }

  @Test func tooManyFiltersNameTheirLayer() throws {
    var network = NetworkDescription(name: "n", layers: [.dense("big", 1 << 20), .dense("last", nil)])
    network.width = 64
    let error = try #require(throws: NetworkError.self) {
      try NetworkLayout(network, input: FeatureShape(height: 1, width: 1, channels: 1), classes: 10)
    }
    #expect(error.layer == 0 && error.description.contains("67108864 filters"))
    network.layers[0].filters = .max
    #expect(throws: NetworkError.self) {
      try NetworkLayout(network, input: FeatureShape(height: 1, width: 1, channels: 1), classes: 10)
    }
  }

  /// The name alone tells the two apart, and it takes no part in the arithmetic.
  @Test func aWidthIsTheNetworkWrittenDown() throws {
    var wide = NetworkDescription.ninSmall
    wide.width = 0.5
    var written = NetworkDescription.ninSmall
    for (index, filters) in [(0, 16), (1, 32), (3, 64), (4, 64), (6, 48)] {
      written.layers[index].filters = filters
    }
    let input = FeatureShape(height: 28, width: 28, channels: 1)
    let configurations = [wide, written].map { makeConfiguration($0, input: input, classes: 10) }
    #expect(try configurations[0].layout() == configurations[1].layout())
    let context = try makeContext()
    let trained = try configurations.map { configuration in
      var trainer = try Trainer(configuration, stepsPerEpoch: 2)
      try trainer.trainOnNoise(steps: 2, batchSize: 8, on: context)
      return trainer
    }
    let models = try trained.map { try CompactModel(bytes: $0.compactModel(), path: "model") }
    #expect(models.map(\.network) == ["nin-small width 0.5", "nin-small"])
    let images = randomFloats(input.count, seed: 5)
    let logits = try models.map { try Engine($0, crew: context.crew, batch: 1).logits(images).bits }
    #expect(logits[0] == logits[1])
  }

  /// Stored with a width and without: what is read is what was written, and old files have neither new key.
  @Test func configurationsAreStored() throws {
    let input = FeatureShape(height: 28, width: 28, channels: 1)
    var network = NetworkDescription.ninSmall
    network.width = 0.3
    var configuration = makeConfiguration(network, input: input, classes: 10)
    configuration.augmentation = "crop-flip:3"
    let trainer = try Trainer(configuration, stepsPerEpoch: 1)
    let stored = try Checkpoint(bytes: Checkpoint(trainer).encoded(), path: "checkpoint").trainer
    #expect(stored.configuration == configuration)
    #expect(stored.configuration.network.layers == NetworkDescription.ninSmall.layers)

    var object = try #require(
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(configuration)) as? [String: Any])
    object["augmentation"] = nil
    var old = try #require(object["network"] as? [String: Any])
    #expect(old["width"] as? Double != nil)
    old["width"] = nil
    object["network"] = old
    let read = try JSONDecoder().decode(
      RunConfiguration.self, from: JSONSerialization.data(withJSONObject: object))
    #expect(read.augmentation == nil && read.network == .ninSmall)
  }
}

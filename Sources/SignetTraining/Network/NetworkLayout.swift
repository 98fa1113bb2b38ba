// SPDX-License-Identifier: Apache-2.0

package import Signet

/// A network description with every shape worked out.
package struct NetworkLayout: Hashable, Sendable {
  package enum Layer: Hashable, Sendable {
    case convolution(name: String, window: Window, filters: Int, groups: Int, inputChannels: Int)
    case maxPool(name: String, window: Window, channels: Int)
    case averagePool(name: String, input: FeatureShape)

    package var name: String {
      switch self {
      case .convolution(let name, _, _, _, _), .maxPool(let name, _, _), .averagePool(let name, _): name
      }
    }
  }

  package let name: String
  package let input: FeatureShape
  package let classes: Int
  package let layers: [Layer]
  package let output: FeatureShape
  /// Weights of all convolutions and dense layers.
  package let weights: Int

  /// Indices of the convolutions and dense layers.
  package var convolutions: [Int] {
    layers.indices.filter { if case .convolution = layers[$0] { true } else { false } }
  }

  /// The most weights of any network: 1 GiB of floats, twice VGG-16's.
  package static let weightLimit = 1 << 28

  /// The most weights that fit: each has a value, a gradient, and two averages of Adam's, 4 bytes each.
  ///
  /// Larger networks are refused instead of being killed for lack of memory.
  private static let largestWeights = min(weightLimit, MemoryPool.physicalBytes / 16)

  /// Works the shapes out.
  ///
  /// - Throws: ``NetworkError`` that names the layer and its shapes.
  package init(_ description: NetworkDescription, input: FeatureShape, classes: Int) throws {
    let description = try description.widened()
    name = description.name
    self.classes = classes
    if let fixed = description.input {
      guard fixed.count == 3, fixed == [input.height, input.width, input.channels] else {
        throw NetworkError(
          layer: nil,
          "network “\(description.name)” is for an input of \(fixed.map(String.init).joined(separator: "×")), the data has \(input); leave “input” out or choose other data"
        )
      }
    }
    guard classes >= 2 else {
      throw NetworkError(layer: nil, "a network needs at least 2 classes, the data has \(classes)")
    }
    let weighted = description.layers.indices.filter {
      [.convolution, .dense].contains(description.layers[$0].type)
    }
    guard weighted.count >= 2, let last = weighted.last else {
      throw NetworkError(
        layer: nil,
        "network “\(description.name)” has \(weighted.count) convolutions and dense layers; it needs at least 2"
      )
    }
    var shape = input
    var layers: [Layer] = []
    var names: Set<String> = []
    var weights = 0
    for (index, layer) in description.layers.enumerated() {
      var reader = LayerReader(index: index, layer: layer, shape: shape)
      if index == last { reader.classes = classes }
      let (resolved, output) = try reader.resolve()
      guard names.insert(resolved.name).inserted else {
        throw reader.failure("its name is taken; names must differ")
      }
      layers.append(resolved)
      if case .convolution(_, let window, let filters, let groups, let inputChannels) = resolved {
        weights += window.taps * inputChannels / groups * filters
      }
      guard weights <= Self.largestWeights else {
        throw reader.failure(
          "it brings the network to \(weights) weights, but at most \(Self.largestWeights) can be trained \(Self.largestWeights < Self.weightLimit ? "in this machine's memory" : "by this version"); use fewer filters or a pool"
        )
      }
      shape = output
    }
    guard shape.pixels == 1, shape.channels == classes else {
      throw NetworkError(
        layer: description.layers.count - 1,
        "the network ends with \(shape), but needs 1×1×\(classes); end it with average_pool or a dense layer without “filters”"
      )
    }
    self.input = input
    self.layers = layers
    output = shape
    self.weights = weights
  }
}

/// Works out one layer.
private struct LayerReader {
  let index: Int
  let layer: LayerDescription
  let shape: FeatureShape
  /// Set for the last weighted layer.
  var classes: Int?

  init(index: Int, layer: LayerDescription, shape: FeatureShape) {
    self.index = index
    self.layer = layer
    self.shape = shape
  }

  private var name: String { layer.name ?? "\(layer.type.rawValue)\(index + 1)" }

  func failure(_ text: String) -> NetworkError {
    NetworkError(
      layer: index, "layer \(index + 1) “\(name)” (\(layer.type.rawValue)), input \(shape): \(text)")
  }

  func resolve() throws -> (NetworkLayout.Layer, FeatureShape) {
    guard !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) })
    else {
      throw failure("a name is made of letters, digits, “_” and “-”")
    }
    switch layer.type {
    case .convolution, .dense: return try convolution()
    case .maxPool:
      guard layer.filters == nil, layer.groups == nil else {
        throw failure("a pool has no “filters” or “groups”")
      }
      let window = try window(rounding: .up)
      guard window.taps <= 256 else { throw failure("a pool's kernel has at most 256 pixels") }
      return (
        .maxPool(name: name, window: window, channels: shape.channels),
        FeatureShape(height: window.outHeight, width: window.outWidth, channels: shape.channels)
      )
    case .averagePool:
      guard layer.kernel == nil, layer.stride == nil, layer.padding == nil, layer.filters == nil,
        layer.groups == nil
      else {
        throw failure("average_pool takes the whole image and has no options")
      }
      return (
        .averagePool(name: name, input: shape), FeatureShape(height: 1, width: 1, channels: shape.channels)
      )
    }
  }

  private func window(rounding: Window.Rounding) throws -> Window {
    guard let kernel = layer.kernel else { throw failure("“kernel” is missing") }
    let (stride, padding) = (layer.stride ?? .init(1), layer.padding ?? .init(0))
    guard
      let window = Window(
        input: shape, kernel: (kernel.height, kernel.width), stride: (stride.height, stride.width),
        padding: (padding.height, padding.width), rounding: rounding)
    else {
      throw failure(
        "a \(kernel.height)×\(kernel.width) kernel with stride \(stride.height)×\(stride.width) and padding \(padding.height)×\(padding.width) does not fit; sizes must be positive, the padding smaller than the kernel, the kernel no larger than the padded input"
      )
    }
    return window
  }

  private func convolution() throws -> (NetworkLayout.Layer, FeatureShape) {
    var reader = self
    if layer.type == .dense {
      guard layer.kernel == nil, layer.stride == nil, layer.padding == nil, layer.groups == nil else {
        throw failure("a dense layer has no “kernel”, “stride”, “padding” or “groups”")
      }
      var whole = layer
      whole.kernel = .init(shape.height)
      whole.kernel?.width = shape.width
      reader = LayerReader(index: index, layer: whole, shape: shape)
    }
    let window = try reader.window(rounding: .down)
    let filters: Int
    switch (layer.filters, classes) {
    case (let given?, let classes?):
      guard given == classes else {
        throw failure("it gives \(given) logits for \(classes) classes; leave “filters” out")
      }
      filters = given
    case (nil, let classes?): filters = classes
    case (let given?, nil): filters = given
    case (nil, nil): throw failure("“filters” is missing")
    }
    let groups = layer.groups ?? 1
    guard (1...1 << 20).contains(filters) else {
      throw failure("\(filters) filters; give a number from 1 to 1048576")
    }
    guard groups > 0, shape.channels % groups == 0, filters % groups == 0 else {
      throw failure("\(groups) groups do not divide \(shape.channels) channels and \(filters) filters")
    }
    let (depth, overflow) = window.taps.multipliedReportingOverflow(by: shape.channels / groups)
    guard !overflow, depth <= 1 << 20, depth * filters <= 1 << 32 else {
      throw failure(
        "\(filters) filters of \(window.taps)×\(shape.channels / groups) weights are more than this version handles"
      )
    }
    return (
      .convolution(
        name: name, window: window, filters: filters, groups: groups, inputChannels: shape.channels),
      FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
    )
  }
}

// SPDX-License-Identifier: Apache-2.0

/// How a network is binarized and trained; the network itself is described apart from it.
///
/// A comparison of methods changes nothing else: each method is one value of this type.
package struct Method: Codable, Hashable, Sendable {
  /// The function that goes with a convolution.
  package enum Activation: String, Codable, CaseIterable, Sendable {
    case prelu, relu
    /// No function but the binarization of activations itself.
    case none
  }

  /// What the last layer's weights and inputs are.
  package enum LastLayer: String, Codable, CaseIterable, Sendable {
    case binary
    case full
  }

  /// What the first layer's weights are, and what it reads.
  package enum FirstLayer: String, Codable, CaseIterable, Sendable {
    /// Real weights and normalised reals, as in the paper.
    case float32
    /// 8-bit weights and the image's bytes.
    case int8
  }

  /// The order of a block.
  package enum Order: String, Codable, CaseIterable, Sendable {
    /// BatchNorm, binarization of activations, convolution, activation function, pools.
    case normFirst = "norm-first"
    /// Convolution, pools, BatchNorm, activation function or binarization; BatchNorm behind a binary last layer too.
    case convolutionFirst = "convolution-first"
  }

  /// A name to store and to print.
  package var name: String
  /// The weights of the layers between the first and the last.
  package var weights: WeightBinarizer
  /// Planes of activations that are signs (M); 0 for other activations.
  package var binarizations: Int
  /// Bits of activations that are numbers in [0, 1]; nil for other activations.
  package var activationBits: Int?
  /// Bits of the gradients of layers with binarized activations; nil for what the precision gives.
  package var gradientBits: Int?
  package var order: Order
  package var activation: Activation
  package var lastLayer: LastLayer
  /// Nil, as in files from before there was a choice, is float32.
  package var firstLayer: FirstLayer?
  /// Whether a learned factor follows a binary last layer.
  package var scaleLayer: Bool
  package var regularizer: Regularizer
  /// Latent weights are kept in [−clip, clip]; nil for anywhere.
  package var clip: Float?
  package var learningRate: Float
  package var schedule: ScheduleKind

  package init(
    name: String, weights: WeightBinarizer, binarizations: Int = 0, activationBits: Int? = nil,
    order: Order, activation: Activation, lastLayer: LastLayer, scaleLayer: Bool = false,
    regularizer: Regularizer = .none, clip: Float?, learningRate: Float, schedule: ScheduleKind = .plateau
  ) {
    self.name = name
    self.weights = weights
    self.binarizations = binarizations
    self.activationBits = activationBits
    self.order = order
    self.activation = activation
    self.lastLayer = lastLayer
    self.scaleLayer = scaleLayer
    self.regularizer = regularizer
    self.clip = clip
    self.learningRate = learningRate
    self.schedule = schedule
  }

  /// Files from before there were other methods have neither `weights` nor `order`.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    name = try values.decode(String.self, forKey: .name)
    binarizations = try values.decode(Int.self, forKey: .binarizations)
    weights =
      try values.decodeIfPresent(WeightBinarizer.self, forKey: .weights)
      ?? (binarizations > 0 ? .sign : .real)
    activationBits = try values.decodeIfPresent(Int.self, forKey: .activationBits)
    gradientBits = try values.decodeIfPresent(Int.self, forKey: .gradientBits)
    order = try values.decodeIfPresent(Order.self, forKey: .order) ?? .normFirst
    activation = try values.decode(Activation.self, forKey: .activation)
    lastLayer = try values.decode(LastLayer.self, forKey: .lastLayer)
    firstLayer = try values.decodeIfPresent(FirstLayer.self, forKey: .firstLayer)
    scaleLayer = try values.decode(Bool.self, forKey: .scaleLayer)
    regularizer = try values.decode(Regularizer.self, forKey: .regularizer)
    clip = try values.decodeIfPresent(Float.self, forKey: .clip)
    learningRate = try values.decode(Float.self, forKey: .learningRate)
    schedule = try values.decode(ScheduleKind.self, forKey: .schedule)
  }

  package static let all: [Method] = [.tang, .fullPrecision, .binaryConnect, .bnn, .bwn, .xnor, .dorefa]

  package static func named(_ name: String) throws -> Method {
    guard let method = all.first(where: { $0.name == name }) else {
      throw TrainingError(
        .badOption, "no method is called “\(name)”; there are \(all.map(\.name).joined(separator: ", "))")
    }
    return method
  }

  /// Whether the weights of layers between the first and the last are binary.
  package var isBinary: Bool { weights != .real }
  /// Whether the activations that these layers read are bits.
  package var binarizesActivations: Bool { binarizations > 0 || activationBits != nil }

  /// The binarizer of activations, where they are bits.
  package var activationBinarizer: ResidualBinarizer? {
    if let activationBits { return ResidualBinarizer(bits: activationBits) }
    return binarizations > 0 ? ResidualBinarizer(planes: binarizations) : nil
  }
}

// SPDX-License-Identifier: Apache-2.0

/// How a network is binarized and trained; the network itself is described apart from it.
///
/// A comparison of methods changes nothing else: each method is one value of this type.
package struct Method: Codable, Hashable, Sendable {
  /// What follows a convolution.
  package enum Activation: String, Codable, CaseIterable, Sendable {
    case prelu, relu
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

  /// A name to store and to print.
  package var name: String
  /// Planes of a binary layer's activations; 0 for real weights and activations in every layer.
  package var binarizations: Int
  package var activation: Activation
  package var lastLayer: LastLayer
  /// Nil, as in files from before there was a choice, is float32.
  package var firstLayer: FirstLayer?
  /// Whether a learned factor follows a binary last layer.
  package var scaleLayer: Bool
  package var regularizer: Regularizer
  /// Latent weights are kept in [−clip, clip].
  package var clip: Float
  package var learningRate: Float
  package var schedule: ScheduleKind

  package static let all: [Method] = [.tang, .fullPrecision]

  package static func named(_ name: String) throws -> Method {
    guard let method = all.first(where: { $0.name == name }) else {
      throw TrainingError(
        .badOption, "no method is called “\(name)”; there are \(all.map(\.name).joined(separator: ", "))")
    }
    return method
  }

  /// Whether layers between the first and the last are binary.
  package var isBinary: Bool { binarizations > 0 }

  /// Checks that the options fit together.
  package func validated() throws -> Method {
    guard (0...4).contains(binarizations) else {
      throw TrainingError(.badOption, "\(binarizations) binarizations asked for; give a number from 1 to 4")
    }
    guard learningRate.isFinite, learningRate > 0 else {
      throw TrainingError(.badOption, "the learning rate \(learningRate) is not a positive number")
    }
    guard clip > 0 else { throw TrainingError(.badOption, "the clip \(clip) is not a positive number") }
    return self
  }
}

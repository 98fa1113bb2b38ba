// SPDX-License-Identifier: Apache-2.0

import SignetTraining
import Yams

/// A run's configuration as YAML, each real number as the shortest decimal that reads back to the same Float.
enum ConfigurationText {
  static func yaml(_ configuration: RunConfiguration) throws -> String {
    let text = try YAMLEncoder().encode(configuration)
    guard let node = try Yams.compose(yaml: text) else { return text }
    return try Yams.serialize(node: shortened(node))
  }

  /// The encoder writes a Float with the digits of a Double: 0.003 as 3.00000002607703e-3.
  private static func shortened(_ node: Node) -> Node {
    switch node {
    case .mapping(var mapping):
      for (key, value) in mapping { mapping[key] = shortened(value) }
      return .mapping(mapping)
    case .sequence(var sequence):
      for index in sequence.indices { sequence[index] = shortened(sequence[index]) }
      return .sequence(sequence)
    case .scalar(var scalar):
      // Text that looks like a number is in quotes; whole numbers have neither point nor exponent.
      guard scalar.style == .plain, scalar.string.contains(where: { ".e".contains($0) }),
        scalar.string.allSatisfy({ "0123456789+-.e".contains($0) }),
        let value = Float(scalar.string), value.isFinite
      else { return node }
      scalar.string = decimal(value)
      return .scalar(scalar)
    default: return node
    }
  }

  /// With a point in any case, without which some readers of YAML take 5e-07 for text.
  private static func decimal(_ value: Float) -> String {
    let text = value.description
    guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return text[..<exponent] + ".0" + text[exponent...]
  }
}

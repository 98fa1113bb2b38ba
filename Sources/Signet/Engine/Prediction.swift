// SPDX-License-Identifier: Apache-2.0

/// One class that an image may belong to, and how much speaks for it.
public struct Prediction: Codable, Hashable, Sendable {
  /// The class, counted from 0 in the order of the logits.
  public let classIndex: Int
  /// The class's name; `class 7` if the model has no names.
  public let label: String
  /// Softmax of the logits, `0…1`: the probabilities of all classes add up to 1.
  public let probability: Double
  /// What the network gave, without a unit.
  public let logit: Float

  /// Creates a prediction; see the properties.
  public init(classIndex: Int, label: String, probability: Double, logit: Float) {
    self.classIndex = classIndex
    self.label = label
    self.probability = probability
    self.logit = logit
  }

  /// The classes of one image by falling logit, those with equal logits by rising index; the first `top` of them.
  ///
  /// - Shapes: `logits` is `[classes]`, `names` is that or empty.
  /// - Complexity: O(C log C) for C classes.
  package static func ranked(logits: some RandomAccessCollection<Float>, names: [String], top: Int)
    -> [Prediction]
  {
    let logits = Array(logits)
    let probabilities = Softmax.probabilities(of: logits)
    let order = logits.indices.sorted {
      logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1]
    }
    return order.prefix(top).map { index in
      Prediction(
        classIndex: index, label: index < names.count ? names[index] : "class \(index)",
        probability: probabilities[index], logit: logits[index])
    }
  }
}

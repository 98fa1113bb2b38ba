// SPDX-License-Identifier: Apache-2.0

/// The studies of the paper, and all of them in one.
package enum StudyName: String, Codable, CaseIterable, Sendable {
  case learningRate = "learning-rate"
  case activation
  case regularizer
  case lastLayer = "last-layer"
  case binarizations
  case methods
  case all

  /// The studies that this one is made of, in the paper's order.
  package var parts: [StudyName] {
    self == .all ? Self.allCases.filter { $0 != .all } : [self]
  }

  /// A heading.
  package var title: String {
    switch self {
    case .learningRate: "Learning rate and sign changes"
    case .activation: "Learning rate and activation"
    case .regularizer: "Regulariser"
    case .lastLayer: "Last layer and scale layer"
    case .binarizations: "Binarizations of the activations"
    case .methods: "Methods"
    case .all: "All studies"
    }
  }

  /// Where the paper has it.
  package var source: String {
    switch self {
    case .learningRate: "figures 2 and 3a"
    case .activation: "table 2, figure 3b"
    case .regularizer: "figure 3c"
    case .lastLayer: "table 3, figure 3d"
    case .binarizations: "multiple binarizations"
    case .methods: "table 1 and the final comparison"
    case .all: "figures 2 and 3, tables 1 to 3"
    }
  }

  /// What is compared, and what is held fixed; a sentence or two for a reader.
  package var explanation: String {
    switch self {
    case .learningRate:
      "The full-precision and the binary net, each at 1e-2 and at 1e-4; ReLU and a last layer in full precision, as in the first rows of the paper's table 2."
    case .activation:
      "The binary net with a last layer in full precision."
    case .regularizer:
      "The binary net with PReLU and a last layer in full precision. L2 acts on the weights of all convolutions, the bipolar regulariser on the binary ones."
    case .lastLayer: "The binary net with PReLU."
    case .binarizations: "The binary net with all the paper's findings, and M planes for each activation."
    case .methods:
      "Each method with its own learning rate and schedule, unless `--learning-rate` or `--schedule` set them for all alike; network, data, epochs, batches and seeds are the same for all."
    case .all: ""
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// Three hidden dense layers of 512: the smallest thing that learns, for images of any size.
  package static let mlp = NetworkDescription(
    name: "mlp",
    layers: [.dense("fc1", 512), .dense("fc2", 512), .dense("fc3", 512), .dense("fc4", nil)])
}

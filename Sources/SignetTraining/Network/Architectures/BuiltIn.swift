// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// The networks that can be asked for by name.
  package static let builtIn: [NetworkDescription] = [.ninSmall, .mlp, .nin, .alexNet]
}

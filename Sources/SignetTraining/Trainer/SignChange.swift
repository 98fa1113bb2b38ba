// SPDX-License-Identifier: Apache-2.0

/// How many weights of a layer changed their sign in an update: the diagnostic of the learning rate.
///
/// - Source: Tang, Hua, Wang 2017, figure 2.
package struct SignChange: Hashable, Sendable {
  package let layer: String
  package let changed: Int
  package let of: Int

  package var share: Double { of == 0 ? 0 : Double(changed) / Double(of) }

  package init(layer: String, changed: Int, of: Int) {
    self.layer = layer
    self.changed = changed
    self.of = of
  }

  /// The share over all layers.
  package static func share(_ changes: [SignChange]) -> Double {
    let total = changes.reduce(0) { $0 + $1.of }
    return total == 0 ? 0 : Double(changes.reduce(0) { $0 + $1.changed }) / Double(total)
  }
}

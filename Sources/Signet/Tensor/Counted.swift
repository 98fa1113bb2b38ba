// SPDX-License-Identifier: Apache-2.0

/// A number with what it counts: `1 byte`, `2 bytes`, `0 classes`.
package func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
  "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}

// SPDX-License-Identifier: Apache-2.0

/// A digest of what a header says, kept in the header itself: damage that leaves it readable is found as well.
///
/// SHA-256 of UTF-8 text, each piece followed by a zero byte: keys and values of the metadata in the order of the keys'
/// bytes, without the digest; then name, type and shape (sizes joined by commas) of each tensor in the order of the names.
package enum HeaderDigest {
  /// Where the digest is in the metadata.
  package static let key = "header_sha256"

  package static func hexDigest(
    metadata: [String: String], tensors: [(name: String, type: String, shape: [Int])]
  ) -> String {
    var pieces: [String] = []
    for (key, value) in metadata.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
    where key != Self.key {
      pieces += [key, value]
    }
    for tensor in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      pieces += [tensor.name, tensor.type, tensor.shape.map(String.init).joined(separator: ",")]
    }
    var text: [UInt8] = []
    for piece in pieces {
      text.append(contentsOf: piece.utf8)
      text.append(0)
    }
    return text.withUnsafeBytes { SHA256.hexDigest(of: $0) }
  }
}

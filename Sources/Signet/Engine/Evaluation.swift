// SPDX-License-Identifier: Apache-2.0

/// Accuracy and fingerprint of a stream of logits.
package struct Evaluation {
  package private(set) var count = 0
  package private(set) var correct = 0
  package private(set) var correctInFive = 0
  private var hash = SHA256()

  package init() {}

  package var top1: Double { count == 0 ? 0 : Double(correct) / Double(count) }
  package var top5: Double { count == 0 ? 0 : Double(correctInFive) / Double(count) }

  /// Adds the logits of `labels.count` images, `[images, classes]`.
  ///
  /// A class counts as ahead of another with equal logits if its index is lower; a label whose logit is not a number is
  /// behind all others.
  package mutating func add(logits: UnsafeBufferPointer<Float>, labels: [Int32]) {
    hash.update(UnsafeRawBufferPointer(logits))
    guard !labels.isEmpty else { return }
    let classes = logits.count / labels.count
    for (image, label) in labels.enumerated() {
      let row = logits[(image * classes)..<((image + 1) * classes)]
      let own = row[row.startIndex + Int(label)]
      var ahead = 0
      for (index, value) in row.enumerated() where !(own > value || (own == value && index >= Int(label))) {
        ahead += 1
      }
      count += 1
      correct += ahead < 1 ? 1 : 0
      correctInFive += ahead < 5 ? 1 : 0
    }
  }

  /// SHA-256 of all logits as little-endian floats, in the order they were added.
  package func logitsSHA256() -> String {
    var hash = hash
    return hash.finalize().map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}

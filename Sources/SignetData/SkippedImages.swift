// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The image files that could not be read and were passed over, with what was wrong.
///
/// Threads may add to it at the same time; what it holds does not depend on their order.
package final class SkippedImages: Sendable {
  private let reasons: Mutex<[String: String]>

  /// A list that begins with the files of a list's text.
  package init(continuing text: String = "") {
    var reasons: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "\t", maxSplits: 1)
      if parts.count == 2 { reasons[String(parts[0])] = String(parts[1]) }
    }
    self.reasons = Mutex(reasons)
  }

  /// How many files there are.
  package var count: Int { reasons.withLock { $0.count } }

  /// A line for each file, sorted: path, tab, what is wrong.
  package var text: String {
    reasons.withLock { reasons in
      reasons.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { "\($0.key)\t\($0.value)\n" }
        .joined()
    }
  }

  /// Adds a file; once, however often it is found.
  func add(_ error: DataError, path: String) {
    var reason = error
    reason.path = nil
    let text = "\(reason)".split(whereSeparator: \.isNewline).joined(separator: " ")
    reasons.withLock { $0[path] = $0[path] ?? text }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The image files that could not be read and were passed over, with what was wrong.
///
/// Threads may add to it at the same time; what it holds does not depend on their order.
package final class SkippedImages: Sendable {
  private let reasons: Mutex<[String: String]>

  /// A list that begins with the files of a list's text.
  package init(continuing text: String = "") {
    reasons = Mutex([:])
    add(listed: text)
  }

  /// Adds the files of another list's text; what is known of a file stays.
  package func add(listed text: String) {
    reasons.withLock { reasons in
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: "\t", maxSplits: 1)
        guard parts.count == 2 else { continue }
        let path = Self.unescaped(parts[0])
        reasons[path] = reasons[path] ?? String(parts[1])
      }
    }
  }

  /// How many files there are.
  package var count: Int { reasons.withLock { $0.count } }

  /// A line for each file, sorted: path, tab, what is wrong; control characters of a path are `\x09` and the like, a backslash is `\\`.
  package var text: String {
    reasons.withLock { reasons in
      reasons.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(Self.escaped($0.key))\t\($0.value)\n" }.joined()
    }
  }

  private static func escaped(_ path: String) -> String {
    let digits = Array("0123456789abcdef".unicodeScalars)
    var text = String.UnicodeScalarView()
    for scalar in path.unicodeScalars {
      if scalar == "\\" {
        text += "\\\\".unicodeScalars
      } else if scalar.value < 0x20 || scalar.value == 0x7f {
        text += "\\x".unicodeScalars
        text += [digits[Int(scalar.value >> 4)], digits[Int(scalar.value & 15)]]
      } else {
        text.append(scalar)
      }
    }
    return String(text)
  }

  private static func unescaped(_ text: Substring) -> String {
    var (path, rest) = (String.UnicodeScalarView(), text.unicodeScalars[...])
    while let scalar = rest.popFirst() {
      if scalar == "\\", rest.first == "x", let code = UInt8(String(rest.dropFirst().prefix(2)), radix: 16) {
        path.append(Unicode.Scalar(code))
        rest = rest.dropFirst(3)
      } else if scalar == "\\", rest.first == "\\" {
        path.append("\\")
        rest = rest.dropFirst()
      } else {
        path.append(scalar)
      }
    }
    return String(path)
  }

  /// Adds a file; once, however often it is found.
  func add(_ error: DataError, path: String) {
    var reason = error
    reason.path = nil
    let text = "\(reason)".split(whereSeparator: \.isNewline).joined(separator: " ")
    reasons.withLock { $0[path] = $0[path] ?? text }
  }
}

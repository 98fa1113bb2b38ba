// SPDX-License-Identifier: Apache-2.0

extension StringProtocol {
  /// The text as one line for a message: control and format characters replaced by �, and no more than `limit` characters.
  ///
  /// What a file holds may move a terminal's cursor, change its colours, or be a megabyte long.
  func printable(limit: Int) -> String {
    let start = prefix(limit + 1)
    let shown = start.unicodeScalars.prefix(4 * limit).map { scalar -> Character in
      if scalar == "\t" { return " " }
      return switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: "\u{FFFD}"
      default: Character(scalar)
      }
    }
    return start.count > limit || shown.count == 4 * limit ? String(shown.prefix(limit)) + "…" : String(shown)
  }
}

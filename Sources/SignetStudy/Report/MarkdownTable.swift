// SPDX-License-Identifier: Apache-2.0

/// A table in Markdown.
package struct MarkdownTable {
  private let columns: [(title: String, isNumber: Bool)]
  private var rows: [[String]] = []

  /// Columns of numbers are aligned to the right.
  package init(_ columns: [(title: String, isNumber: Bool)]) {
    self.columns = columns
  }

  package mutating func add(_ cells: [String]) { rows.append(cells) }

  /// A line for the titles, one below it, and one for each row.
  package var text: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map(Self.escaped).joined(separator: " | ") + " |\n"
    }
    return line(columns.map(\.title))
      + "|" + columns.map { $0.isNumber ? " ---: |" : " --- |" }.joined() + "\n"
      + rows.map(line).joined()
  }

  private static func escaped(_ cell: String) -> String {
    cell.replacing("|", with: "\\|").replacing("\n", with: " ")
  }
}

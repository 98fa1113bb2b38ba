// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// An option that no command has: it is often the cause of another complaint, and is told instead of it.
///
/// The parser looks for unknown options last, after whatever a command's own checks object to.
struct UnknownOption {
  let name: String
  /// The option that was perhaps meant.
  let suggestion: String?

  /// The first option among the arguments behind a command's name that the command does not have.
  ///
  /// The options that there are stand in the command's help, at the start of a line.
  init?(among arguments: [String], of command: any ParsableCommand.Type) {
    let lines = SignetCommand.helpMessage(for: command).split(separator: "\n").filter { $0.hasPrefix("  -") }
    let known = lines.flatMap { line in
      line.split { " ,".contains($0) }.prefix { $0.hasPrefix("-") }.map(String.init)
    }
    let given = arguments.prefix { $0 != "--" }.filter { $0.hasPrefix("--") }.map { argument in
      String(argument.prefix { $0 != "=" })
    }
    guard let unknown = given.first(where: { !known.contains($0) }) else { return nil }
    name = unknown
    let near = known.filter { $0.hasPrefix("--") }.map { (name: $0, distance: Self.distance(unknown, $0)) }
      .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
    suggestion = near.flatMap { $0.distance < 4 ? $0.name : nil }
  }

  /// What is told instead of the parser's `message`, of which the usage stays.
  func replacing(_ message: String) -> String {
    let usage = message.range(of: "\nUsage: ").map { String(message[$0.lowerBound...]) } ?? ""
    return "Error: Unknown option '\(name)'" + (suggestion.map { ". Did you mean '\($0)'?" } ?? "") + usage
  }

  /// Insertions, removals and exchanges of one character that make `a` into `b`.
  private static func distance(_ a: String, _ b: String) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let exchange = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(exchange, diagonal + 1, row[j] + 1)
      }
    }
    return row[b.count]
  }
}

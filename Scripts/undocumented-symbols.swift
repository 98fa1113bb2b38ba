// SPDX-License-Identifier: Apache-2.0
//
// swift Scripts/undocumented-symbols.swift GRAPH: lists the symbols of a symbol graph that stand in the sources without
// a documentation comment, and fails if there are any. What the compiler writes itself has no place in the sources.

import Foundation

struct Graph: Decodable {
  struct Symbol: Decodable {
    struct Comment: Decodable {}
    struct Location: Decodable {
      struct Position: Decodable {
        let line: Int
      }
      let uri: String
      let position: Position
    }
    let pathComponents: [String]
    let docComment: Comment?
    let location: Location?
  }
  let symbols: [Symbol]
}

let file = URL(fileURLWithPath: CommandLine.arguments.last ?? "")
let symbols = try JSONDecoder().decode(Graph.self, from: Data(contentsOf: file)).symbols
let written = symbols.filter { $0.location != nil }
let undocumented = written.filter { $0.docComment == nil }
for symbol in undocumented {
  guard let location = symbol.location else { continue }
  let path = location.uri.replacingOccurrences(of: "file://", with: "")
  print(
    "\(path):\(location.position.line + 1): \(symbol.pathComponents.joined(separator: ".")) is not documented"
  )
}
if written.isEmpty { print("\(file.path) has no symbols with a place in the sources") }
if !undocumented.isEmpty || written.isEmpty { exit(1) }
print("all \(written.count) public symbols are documented")

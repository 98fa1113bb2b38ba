// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The files that a study writes: all follow from its state.
package struct StudyDocument: Sendable {
  package static let fileName = "study.json"

  private let state: StudyState
  private let results: StudyResults

  package init(_ state: StudyState) {
    self.state = state
    results = StudyResults(state)
  }

  /// `study.json`: the state, and what follows from it.
  package func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(Whole(state: state, results: results.parts))) + [UInt8(ascii: "\n")]
  }

  /// `study.md` and the figures, by name.
  package func pages() -> [(name: String, bytes: [UInt8])] {
    let figures = StudyFigure.all(of: results)
    let report = StudyReport(state, results: results, figures: figures)
    return [("study.md", Array(report.markdown.utf8))]
      + figures.map { ($0.fileName, Array($0.plot.svg.utf8)) }
  }

  /// Writes all files, each whole or not at all; `study.json` last.
  package func write(to folder: String, pages isWanted: Bool) throws {
    for (name, bytes) in isWanted ? pages() : [] { try Self.write(bytes, to: "\(folder)/\(name)") }
    try Self.write(try json(), to: "\(folder)/\(Self.fileName)")
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
  }

  private struct Whole: Encodable {
    let state: StudyState
    let results: [StudyResults.Part]

    private enum CodingKeys: String, CodingKey {
      case finished, results
    }

    func encode(to encoder: any Encoder) throws {
      try state.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(state.isFinished, forKey: .finished)
      try container.encode(results, forKey: .results)
    }
  }
}

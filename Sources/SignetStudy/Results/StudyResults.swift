// SPDX-License-Identifier: Apache-2.0

/// What a study shows so far: rows of its tables, and the paper's findings beside them.
package struct StudyResults: Sendable {
  /// One of the studies.
  package struct Part: Sendable {
    package let name: StudyName
    package let rows: [StudyRow]
    package let findings: [Finding]
  }

  package let parts: [Part]

  package init(_ state: StudyState) {
    parts = state.plan.parts.map { part in
      let rows = part.variants.map { StudyRow($0, among: state.runs) }
      return Part(name: part.name, rows: rows, findings: part.name.findings(rows))
    }
  }
}

extension StudyResults.Part: Encodable {
  private enum CodingKeys: String, CodingKey {
    case name, rows, findings
  }

  private struct Row: Encodable {
    let title: String
    let label: String
    let published: PublishedFigures?
    let failures: Int
    let top1: Sample
    let top5: Sample
    let fileBytes: Sample
    let compression: Sample
    let millisecondsPerImage: Sample
    let signChanges: [String: Sample]

    init(_ row: StudyRow) {
      (title, label, published, failures) = (
        row.title, row.variant.label, row.variant.published, row.failures
      )
      (top1, top5, fileBytes, compression) = (row.top1, row.top5, row.fileBytes, row.compression)
      millisecondsPerImage = row.millisecondsPerImage
      signChanges = Dictionary(
        row.layers.map { ($0.name, row.signChange(of: $0.name)) }, uniquingKeysWith: { first, _ in first })
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(rows.map(Row.init), forKey: .rows)
    try container.encode(findings, forKey: .findings)
  }
}

// SPDX-License-Identifier: Apache-2.0

package import SignetTraining

/// One training run of a study.
package struct PlannedRun: Codable, Hashable, Sendable {
  package let label: String
  package let method: Method
  package let seed: UInt64
  /// The studies that want it.
  package let studies: [StudyName]

  /// Its folder below the study's.
  package var folder: String { "runs/\(label)-seed\(seed)" }
}

/// The runs of a study, each once, and which rows of which tables they are for.
package struct StudyPlan: Sendable {
  /// One of the studies with its rows.
  package struct Part: Sendable {
    package let name: StudyName
    package let variants: [StudyVariant]
  }

  package let name: StudyName
  package let parts: [Part]
  /// The first seed of every row, then the second of every row: a study that is cut short has whole comparisons.
  package let runs: [PlannedRun]

  /// Plans a study; runs that several of its parts want are planned once.
  package init(_ name: StudyName, _ settings: StudySettings) {
    self.name = name
    let parts = name.parts.map { Part(name: $0, variants: $0.variants(settings)) }
    var methods: [Method] = []
    for variant in parts.flatMap(\.variants) where !methods.contains(variant.method) {
      methods.append(variant.method)
    }
    runs = settings.seeds.flatMap { seed in
      methods.map { method in
        PlannedRun(
          label: method.label, method: method, seed: seed,
          studies: parts.filter { $0.variants.contains { $0.method == method } }.map(\.name))
      }
    }
    self.parts = parts
  }
}

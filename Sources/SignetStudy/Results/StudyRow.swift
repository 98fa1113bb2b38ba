// SPDX-License-Identifier: Apache-2.0

import SignetTraining

/// The runs of one row of a study's table: one for each seed.
package struct StudyRow: Sendable {
  package let variant: StudyVariant
  package let runs: [RunRecord]

  package init(_ variant: StudyVariant, among runs: [RunRecord]) {
    self.variant = variant
    self.runs = runs.filter { $0.label == variant.label && $0.configuration.method == variant.method }
  }

  package var title: String { variant.title }
  package var outcomes: [RunOutcome] { runs.compactMap(\.outcome) }
  /// Runs whose numbers blew up.
  package var failures: Int { runs.count { $0.failure != nil } }

  /// Of the test part, as fractions.
  package var top1: Sample { Sample(outcomes.map(\.test.top1)) }
  package var top5: Sample { Sample(outcomes.map(\.test.top5)) }
  package var fileBytes: Sample { Sample(outcomes.map { Double($0.fileBytes) }) }
  package var compression: Sample { Sample(outcomes.map(\.compression)) }
  package var millisecondsPerImage: Sample { Sample(outcomes.map(\.times.millisecondsPerImage)) }

  /// Names of the layers with weights, in order, and whether they are binary.
  package var layers: [RunOutcome.Layer] { outcomes.first?.layers ?? [] }

  /// A layer's share of sign changes in a step, of each seed.
  package func signChange(of layer: String) -> Sample {
    Sample(outcomes.compactMap { $0.layers.first { $0.name == layer }?.signChange })
  }

  /// The same over the first ``StudyName/startSteps`` steps.
  package func signChangeAtStart(of layer: String) -> Sample {
    Sample(outcomes.compactMap { $0.layers.first { $0.name == layer }?.signChangeAtStart })
  }

  /// How far the validation accuracy of each seed falls from its best epoch to its last, as a share of the best.
  package var falls: [Double] {
    outcomes.compactMap { outcome in
      let values = outcome.epochs.compactMap(\.validationTop1)
      guard let best = values.max(), let last = values.last, best > 0 else { return nil }
      return (best - last) / best
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

package import SignetTraining

/// One run of a study: what it is, and what it showed once it is done.
package struct RunRecord: Codable, Hashable, Sendable {
  package let label: String
  package let seed: UInt64
  /// Below the study's folder.
  package let folder: String
  package let studies: [StudyName]
  /// What repeats it.
  package let command: String
  package let configuration: RunConfiguration
  /// Nil until the run is done.
  package var outcome: RunOutcome?
  /// Why it could not be finished: its numbers blew up.
  package var failure: String?

  package init(_ planned: PlannedRun, configuration: RunConfiguration, command: String) {
    (label, seed, folder, studies) = (planned.label, planned.seed, planned.folder, planned.studies)
    self.configuration = configuration
    self.command = command
  }

  package var isDone: Bool { outcome != nil || failure != nil }

  /// Whether both are the same run, whatever they showed.
  package func isSameRun(as other: RunRecord) -> Bool {
    (label, seed, folder, studies) == (other.label, other.seed, other.folder, other.studies)
      && configuration == other.configuration
  }
}

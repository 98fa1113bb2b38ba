// SPDX-License-Identifier: Apache-2.0

/// An error of a training run: an option that can't be, numbers that blew up, a run that can't be continued.
package struct TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
  package struct Code: RawRepresentable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package static let badOption = Code(rawValue: "bad_option")
    package static let notFinite = Code(rawValue: "not_finite")
    package static let badCheckpoint = Code(rawValue: "bad_checkpoint")
    package static let badRun = Code(rawValue: "bad_run")
    /// Another shard of the batch, or another rank, has failed, and tells why.
    package static let elsewhere = Code(rawValue: "elsewhere")
  }

  package let code: Code
  /// What happened, and what to do.
  package let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  static let elsewhere = TrainingError(.elsewhere, "another part of the batch failed; its error tells why")
}

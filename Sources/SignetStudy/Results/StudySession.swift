// SPDX-License-Identifier: Apache-2.0

/// One process that worked on a study.
package struct StudySession: Codable, Hashable, Sendable {
  /// Where it ran.
  package struct Machine: Codable, Hashable, Sendable {
    /// Nil if the system doesn't tell.
    package let processor: String?
    package let cores: Int
    package let threads: Int
    package let isa: String
    package let memoryBytes: UInt64
    package let system: String

    package init(
      processor: String?, cores: Int, threads: Int, isa: String, memoryBytes: UInt64, system: String
    ) {
      self.processor = processor
      self.cores = cores
      self.threads = threads
      self.isa = isa
      self.memoryBytes = memoryBytes
      self.system = system
    }
  }

  /// Date and time in UTC.
  package let started: String
  package var seconds: Double
  package let machine: Machine

  package init(started: String, seconds: Double = 0, machine: Machine) {
    self.started = started
    self.seconds = seconds
    self.machine = machine
  }
}

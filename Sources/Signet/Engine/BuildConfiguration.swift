// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// How this program was compiled: times of a debug build say nothing.
package struct BuildConfiguration: Hashable, Sendable {
  package var swiftIsOptimized: Bool
  package var kernelsAreOptimized: Bool

  package init(swiftIsOptimized: Bool, kernelsAreOptimized: Bool) {
    self.swiftIsOptimized = swiftIsOptimized
    self.kernelsAreOptimized = kernelsAreOptimized
  }

  /// That of this module and its kernels.
  package static var current: BuildConfiguration {
    var isOptimized = true
    // The condition is evaluated in unoptimised builds only.
    assert(
      {
        isOptimized = false
        return true
      }())
    return BuildConfiguration(swiftIsOptimized: isOptimized, kernelsAreOptimized: sk_is_optimized())
  }

  /// Why nothing should be timed, and what to do; nil if all is optimised.
  package var objectionToTiming: String? {
    let parts = [
      swiftIsOptimized ? nil : "the Swift code", kernelsAreOptimized ? nil : "the C kernels",
    ].compactMap { $0 }
    guard !parts.isEmpty else { return nil }
    return """
      this is a debug build (\(parts.joined(separator: " and ")) not optimised), many times slower: its times would say \
      nothing; build with `swift build -c release`
      """
  }
}

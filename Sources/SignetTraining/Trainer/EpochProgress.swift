// SPDX-License-Identifier: Apache-2.0

/// What the steps of an epoch add up to so far; with it a run goes on within the epoch, and ends it with the same figures.
package struct EpochProgress: Hashable, Codable, Sendable {
  package private(set) var steps = 0
  package private(set) var images = 0
  package private(set) var correct = 0
  /// The sum of the images' losses.
  package private(set) var loss = 0.0
  /// The sum of the steps' shares of changed signs.
  package private(set) var signChange = 0.0

  package init() {}

  package mutating func add(_ step: StepResult) {
    steps += 1
    images += step.images
    correct += step.correct
    loss += step.loss * Double(step.images)
    signChange += SignChange.share(step.signChanges)
  }

  /// Whether these can be the sums of some steps; a file's may not be.
  var isPossible: Bool {
    (0...RunConfiguration.largestCount).contains(steps) && images >= steps && images <= 1 << 50
      && (0...images).contains(correct) && loss.isFinite && (0...Double(steps)).contains(signChange)
  }
}

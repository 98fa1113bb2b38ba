// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetStudy
import SignetTraining

/// What a run says while it goes on: a line that is drawn anew on a terminal, and a line for each epoch.
final class ProgressLine {
  private let epochs: Int
  private let stepsPerEpoch: Int
  private let firstStep: Int
  /// Stands before every line.
  private let prefix: String
  /// Stands behind the images per second: what the data has to do with them.
  var data: () -> String = { "" }
  /// Stands behind every line.
  var suffix: () -> String = { "" }
  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var epochStart: ContinuousClock.Instant
  private var drawn: ContinuousClock.Instant
  private var (images, correct) = (0, 0)
  private var imagesOfEpoch = 0
  private var loss = 0.0
  private var change = 0.0

  init(epochs: Int, stepsPerEpoch: Int, firstStep: Int, prefix: String = "") {
    self.epochs = epochs
    self.stepsPerEpoch = stepsPerEpoch
    self.firstStep = firstStep
    self.prefix = prefix
    start = clock.now
    (epochStart, drawn) = (start, start)
  }

  func show(_ event: TrainingEvent) {
    switch event {
    case .step(let result, let epoch):
      images += result.images
      imagesOfEpoch += result.images
      correct += result.correct
      // Smoothed over about 20 steps.
      let weight = loss == 0 ? 1 : 0.05
      loss += weight * (result.loss - loss)
      change += weight * (SignChange.share(result.signChanges) - change)
      guard isTerminal, drawn.duration(to: clock.now).seconds > 0.1 else { return }
      drawn = clock.now
      let seconds = start.duration(to: drawn).seconds
      let done = result.step - firstStep
      let left = seconds / Double(done) * Double(epochs * stepsPerEpoch - result.step)
      draw(
        "\(prefix)epoch \(epoch)/\(epochs)  \((result.step - 1) % stepsPerEpoch + 1)/\(stepsPerEpoch)  loss \(String.fixed(loss, 3))  top-1 \(String.fixed(100 * Double(correct) / Double(images), 1)) %  rate \(result.learningRate)  signs \(String.fixed(100 * change, 3)) %  \(Int(Double(imagesOfEpoch) / epochStart.duration(to: drawn).seconds)) images/s\(data())  \(DurationText.long(left)) left\(suffix())"
      )
    case .epoch(let result):
      let seconds = epochStart.duration(to: clock.now).seconds
      if isTerminal { draw("") }
      // A run that was stopped in an epoch's evaluation goes on with that alone.
      let rate = imagesOfEpoch > 0 ? "  \(Int(Double(imagesOfEpoch) / seconds)) images/s\(data())" : ""
      let validation = result.validation.map { "  validation \(String.fixed($0.top1 * 100, 2)) %" } ?? ""
      print(
        "\(prefix)epoch \(result.epoch)/\(epochs)  loss \(String.fixed(result.loss, 4))  top-1 \(String.fixed(result.trainingTop1 * 100, 2)) %\(validation)  rate \(result.learningRate)  signs \(String.fixed(result.signChange * 100, 3)) %\(rate)  \(DurationText.long(seconds))\(suffix())"
      )
      fflush(nil)
      (images, correct, imagesOfEpoch) = (0, 0, 0)
      epochStart = clock.now
    }
  }

  private func draw(_ text: String) {
    print("\r\u{1B}[K\(text)", terminator: "")
    fflush(nil)
  }
}

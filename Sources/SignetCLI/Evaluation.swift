// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData

extension Engine {
  /// Refuses data whose number of classes is not that of the logits.
  func checkClasses(of images: any ImageSource) throws {
    guard images.classNames.count == plan.outputs else {
      throw DataError(
        .invalidArgument,
        "\(images.name) has \(images.classNames.count) classes, the model has \(plan.outputs); choose the data that it was trained for"
      )
    }
  }

  /// Accuracy on a data set, and the time that the engine alone took; `check` is called before each batch, and may end it.
  func evaluate(
    _ images: any ImageSource, batchSize: Int, check: () throws -> Void = {}
  ) throws -> (evaluation: Evaluation, milliseconds: Double) {
    try checkClasses(of: images)
    let batchSize = max(1, min(batchSize, images.count))
    var batches = try InputBatches(
      images, preprocessing: model.preprocessing, batchSize: batchSize, workers: threads)
    var evaluation = Evaluation()
    var logits = [Float](repeating: 0, count: batchSize * plan.outputs)
    var time = Duration.zero
    let clock = ContinuousClock()
    while true {
      try check()
      guard let (inputs, labels) = try batches.batch() else { break }
      logits.withUnsafeMutableBufferPointer { logits in
        guard let base = logits.baseAddress else { return }
        time += clock.measure { run(inputs, images: labels.count, logits: base) }
        evaluation.add(
          logits: UnsafeBufferPointer(start: base, count: labels.count * plan.outputs), labels: labels)
      }
    }
    return (evaluation, time.seconds * 1e3 / Double(max(1, evaluation.count)))
  }
}

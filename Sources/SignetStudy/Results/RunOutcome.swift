// SPDX-License-Identifier: Apache-2.0

package import Signet
package import SignetTraining

/// What a finished run showed; accuracies are the packed engine's, as fractions.
package struct RunOutcome: Codable, Hashable, Sendable {
  /// The figures of an epoch, at its end.
  package struct Epoch: Codable, Hashable, Sendable {
    package let epoch: Int
    package let step: Int
    /// Mean over the epoch's images.
    package let loss: Double
    package let learningRate: Float
    package let trainingTop1: Double
    package let validationTop1: Double?
    package let validationTop5: Double?
    /// Share of all weights whose sign changed in a step, mean over the epoch's steps.
    package let signChange: Double
    /// The same for each layer.
    package let signChanges: [String: Double]

    package init(
      epoch: Int, step: Int, loss: Double, learningRate: Float, trainingTop1: Double, validationTop1: Double?,
      validationTop5: Double?, signChange: Double, signChanges: [String: Double]
    ) {
      self.epoch = epoch
      self.step = step
      self.loss = loss
      self.learningRate = learningRate
      self.trainingTop1 = trainingTop1
      self.validationTop1 = validationTop1
      self.validationTop5 = validationTop5
      self.signChange = signChange
      self.signChanges = signChanges
    }
  }

  /// A layer's share of sign changes in a step, mean over all steps of the run.
  package struct Layer: Codable, Hashable, Sendable {
    package let name: String
    /// Whether the network uses the weights' signs, or the weights.
    package let isBinary: Bool
    package let signChange: Double
    /// The same over the first steps alone, ``StudyName/startSteps`` of them.
    package let signChangeAtStart: Double

    package init(
      name: String, isBinary: Bool, signChange: Double, signChangeAtStart: Double
    ) {
      self.name = name
      self.isBinary = isBinary
      self.signChange = signChange
      self.signChangeAtStart = signChangeAtStart
    }
  }

  /// Of the test part, by the packed engine on the run's compact model.
  package struct Test: Codable, Hashable, Sendable {
    package let count: Int
    package let top1: Double
    package let top5: Double
    package let logitsSha256: String

    package init(count: Int, top1: Double, top5: Double, logitsSha256: String) {
      self.count = count
      self.top1 = top1
      self.top5 = top5
      self.logitsSha256 = logitsSha256
    }

    package init(_ evaluation: Evaluation) {
      self.init(
        count: evaluation.count, top1: evaluation.top1, top5: evaluation.top5,
        logitsSha256: evaluation.logitsSHA256())
    }
  }

  /// What no repetition gives again.
  package struct Times: Codable, Hashable, Sendable {
    /// Of training and validation, in all processes that took part.
    package let seconds: Double
    /// Of one image in the engine, alone: the median of many runs.
    package let millisecondsPerImage: Double

    package init(seconds: Double, millisecondsPerImage: Double) {
      self.seconds = seconds
      self.millisecondsPerImage = millisecondsPerImage
    }
  }

  package let epochs: [Epoch]
  /// Layers with weights, in the network's order.
  package let layers: [Layer]
  package let test: Test
  package let fileBytes: Int
  package let float32Bytes: Int
  package let compression: Double
  package let times: Times

  package init(
    epochs: [Epoch], layers: [Layer], test: Test, fileBytes: Int, float32Bytes: Int, compression: Double,
    times: Times
  ) {
    self.epochs = epochs
    self.layers = layers
    self.test = test
    self.fileBytes = fileBytes
    self.float32Bytes = float32Bytes
    self.compression = compression
    self.times = times
  }

  /// Brings together what a run's folder has and what the engine measured on its model.
  package init(
    lines: [MetricsLine], trainer: Trainer, report: ModelReport, test: Evaluation,
    millisecondsPerImage: Double
  ) {
    let steps = lines.filter { $0.kind == .step }
    func means(_ steps: [MetricsLine]) -> [String: Double] {
      var sums: [String: Double] = [:]
      for step in steps { sums.merge(step.signChanges ?? [:]) { $0 + $1 } }
      return sums.mapValues { $0 / Double(steps.count) }
    }
    let byEpoch = Dictionary(grouping: steps, by: \.epoch)
    let (whole, start) = (means(steps), means(Array(steps.prefix(StudyName.startSteps))))
    var layers: [Layer] = []
    var network = trainer.network
    network.forEachParameter { name, parameter in
      let layer = String(name.prefix { $0 != "." })
      guard parameter.role != .other, let share = whole[layer] else { return }
      var isBinary = false
      if case .latentBinary = parameter.role { isBinary = true }
      layers.append(
        Layer(
          name: layer, isBinary: isBinary, signChange: share, signChangeAtStart: start[layer] ?? share))
    }
    self.init(
      epochs: lines.filter { $0.kind == .epoch }.map { line in
        Epoch(
          epoch: line.epoch, step: line.step, loss: line.loss, learningRate: line.learningRate,
          trainingTop1: line.trainingTop1, validationTop1: line.validationTop1,
          validationTop5: line.validationTop5, signChange: line.signChange,
          signChanges: means(byEpoch[line.epoch] ?? []))
      }, layers: layers, test: Test(test), fileBytes: report.fileBytes, float32Bytes: report.float32Bytes,
      compression: report.compression,
      times: Times(seconds: Self.seconds(lines), millisecondsPerImage: millisecondsPerImage))
  }

  /// Each process that trained counts its seconds from 0.
  private static func seconds(_ lines: [MetricsLine]) -> Double {
    var (total, last) = (0.0, 0.0)
    for line in lines {
      if line.seconds < last { total += last }
      last = line.seconds
    }
    return total + last
  }
}

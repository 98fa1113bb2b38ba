// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One line of a run's `metrics.jsonl`: the figures of a step or of an epoch.
package struct MetricsLine: Codable, Hashable, Sendable {
  package enum Kind: String, Codable, Sendable {
    case step, epoch
  }

  package var kind: Kind
  package var step: Int
  package var epoch: Int
  package var loss: Double
  package var learningRate: Float
  package var trainingTop1: Double
  /// Share of weights whose sign changed: of all.
  package var signChange: Double
  /// That share of each layer (steps).
  package var signChanges: [String: Double]?
  package var validationTop1: Double?
  package var validationTop5: Double?
  package var fileBytes: Int?
  /// Since the start of the process that trained.
  package var seconds: Double

  package init(_ event: TrainingEvent, seconds: Double) {
    self.seconds = seconds
    switch event {
    case .step(let result, let epoch):
      (kind, step, self.epoch, loss) = (.step, result.step, epoch, result.loss)
      learningRate = result.learningRate
      trainingTop1 = Double(result.correct) / Double(result.images)
      signChange = SignChange.share(result.signChanges)
      signChanges = Dictionary(uniqueKeysWithValues: result.signChanges.map { ($0.layer, $0.share) })
    case .epoch(let result):
      (kind, step, epoch, loss) = (.epoch, result.step, result.epoch, result.loss)
      learningRate = result.learningRate
      trainingTop1 = result.trainingTop1
      signChange = result.signChange
      validationTop1 = result.validation?.top1
      validationTop5 = result.validation?.top5
      fileBytes = result.compactBytes
    }
  }

  /// The line as JSON, with its end.
  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys]
    return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// The lines of a file up to a step, with their bytes; a line that is not whole ends them.
  ///
  /// After an epoch's last step its own line may be missing: `epochs` are those that have it.
  package static func lines(
    in file: [UInt8], through step: Int = .max, epochs: Int = .max
  ) -> (lines: [MetricsLine], bytes: [UInt8]) {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var (lines, bytes) = ([MetricsLine](), [UInt8]())
    for text in file.split(separator: UInt8(ascii: "\n")) {
      guard let line = try? decoder.decode(MetricsLine.self, from: Data(text)), line.step <= step,
        line.kind == .step || line.epoch <= epochs
      else { break }
      lines.append(line)
      bytes += text + [UInt8(ascii: "\n")]
    }
    return (lines, bytes)
  }
}

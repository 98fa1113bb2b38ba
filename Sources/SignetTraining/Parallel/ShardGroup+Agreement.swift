// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What ranks must agree on between two steps.
extension ShardGroup {
  /// What all ranks do after a step: what the most urgent one wants.
  func agreed(_ own: AfterStep) throws -> AfterStep {
    guard collective.ranks > 1 else { return own }
    let all: [AfterStep] = [.goOn, .save, .stop]
    let wishes = try exchange([Double(all.firstIndex(of: own) ?? 0)])
    return all[Int(wishes.reduce(0) { max($0, $1[0]) })]
  }

  /// Compares configuration, progress and every parameter with rank 0's.
  ///
  /// - Throws: ``TrainingError`` that names the first rank with others.
  func checkAgreement(of trainer: Trainer, atStart: Bool) throws {
    guard collective.ranks > 1 else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var digest = SHA256()
    let settings = Array(try encoder.encode(trainer.configuration)) + Array("\(trainer.step)".utf8)
    settings.withUnsafeBytes { digest.update($0) }
    var network = trainer.network
    network.forEachParameter { _, parameter in digest.update(UnsafeRawBufferPointer(parameter.value.elements))
    }
    network.forEachStatistic { _, values in values.withUnsafeBytes { digest.update($0) } }
    let all = try exchange(digest.finalize().map(Double.init))
    guard let rank = all.indices.first(where: { all[$0] != all[0] }) else { return }
    throw TrainingError(
      .badRun,
      atStart
        ? "rank \(rank) starts from other options, data or weights than rank 0; give all ranks the same command, files and build"
        : "the weights of rank \(rank) are no longer those of rank 0; train on machines of one kind")
  }

  /// The numbers of all ranks.
  private func exchange(_ values: [Double]) throws -> [[Double]] {
    let (ranks, width) = (collective.ranks, values.count)
    let start = ContinuousClock.now
    let all = try collective.gather(values, counts: Array(repeating: width, count: ranks))
    addTime(waited: start.duration(to: .now))
    return (0..<ranks).map { Array(all[$0 * width..<($0 + 1) * width]) }
  }
}

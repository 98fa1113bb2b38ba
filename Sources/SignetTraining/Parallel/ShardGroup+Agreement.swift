// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What ranks must agree on between two steps.
extension ShardGroup {
  /// What all ranks do after a step: what the most urgent one wants; and whether the next batch failed on any of them.
  ///
  /// Any of them may stop the run. When to save is rank 0's wish alone, which writes: clocks of ranks differ, and each would ask anew for what
  /// another has just had.
  func agreed(_ own: AfterStep, hasFailed: Bool = false) throws -> (after: AfterStep, hasFailed: Bool) {
    guard collective.ranks > 1 else { return (own, hasFailed) }
    let all: [AfterStep] = [.goOn, .save, .stop]
    let wish = own == .save && collective.rank > 0 ? .goOn : own
    let wishes = try exchange([Double(all.firstIndex(of: wish) ?? 0), hasFailed ? 1 : 0])
    return (all[Int(wishes.reduce(0) { max($0, $1[0]) })], wishes.contains { $0[1] > 0 })
  }

  /// Compares what makes up a run and its bits with rank 0's.
  ///
  /// These are version, instruction set and gradient kernels; and configuration, progress, every parameter with Adam's means of its
  /// gradient, and running statistics.
  /// - Throws: ``TrainingError`` that names the first rank with others.
  func checkAgreement(of trainer: Trainer, on context: ComputeContext, atStart: Bool) throws {
    guard collective.ranks > 1 else { return }
    let all = try exchange((digestOfBuild(context) + digest(of: trainer)).map(Double.init))
    func other(in part: Range<Int>) -> Int? { all.indices.first { all[$0][part] != all[0][part] } }
    if let rank = other(in: 0..<32) {
      throw TrainingError(
        .badRun,
        "rank \(rank) has another version of signet, or computes with other kernels, than rank 0; give all ranks one build and machines of one kind, or one SIGNET_ISA"
      )
    }
    guard let rank = other(in: 32..<64) else { return }
    throw TrainingError(
      .badRun,
      atStart
        ? "rank \(rank) starts from other options, data or weights than rank 0; give all ranks the same command, files and build"
        : "the weights of rank \(rank), or Adam's means of their gradients, are no longer those of rank 0; train on machines of one kind"
    )
  }

  private func digestOfBuild(_ context: ComputeContext) -> [UInt8] {
    var digest = SHA256()
    let text = "\(build) \(context.crew.table.isa.rawValue) \(context.gradientKernels)"
    Array(text.utf8).withUnsafeBytes { digest.update($0) }
    return digest.finalize()
  }

  private func digest(of trainer: Trainer) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var digest = SHA256()
    let settings = Array(try encoder.encode(trainer.configuration)) + Array("\(trainer.step)".utf8)
    settings.withUnsafeBytes { digest.update($0) }
    var network = trainer.network
    network.forEachParameter { _, parameter in
      for values in [parameter.value, parameter.first, parameter.second] {
        digest.update(UnsafeRawBufferPointer(values.elements))
      }
    }
    network.forEachStatistic { _, values in values.withUnsafeBytes { digest.update($0) } }
    return digest.finalize()
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

// SPDX-License-Identifier: Apache-2.0

import Signet

/// A step whose batch is cut into shards, on this rank and others.
///
/// Each shard is computed as a batch of its own, but for what is measured on all of them: the loss's mean, and with
/// synchronised statistics BatchNorm's and the β of binarizations. Running statistics are the mean of the shards'.
extension Trainer {
  /// Fills in the gradients of the whole batch, of which `batch` has this rank's images, and `teacherLogits` their logits by the teacher.
  mutating func shardedGradients(
    of batch: TrainingBatch, teacherLogits: PooledArray<Float>?, in group: ShardGroup,
    on context: ComputeContext
  ) throws -> (loss: Double, correct: Int) {
    let whole = batch.wholeCount
    let own = group.images(of: group.own, batch: whole)
    guard whole >= group.shards, own.count == batch.labels.count else {
      throw TrainingError(
        .badRun,
        "a batch of \(whole) images in \(group.shards) shards has \(own.count) for rank \(group.collective.rank), not \(batch.labels.count); give a larger batch or fewer shards"
      )
    }
    var before: [[Float]] = []
    network.forEachStatistic { before.append($1) }
    let networks = networks(in: group)
    networks.reduction.begin()
    nonisolated(unsafe) let batch = batch
    let step = ShardStep(
      group: group, networks: networks, statistics: before, whole: whole, firstImage: own.lowerBound,
      teacherLogits: teacherLogits, distillation: configuration.distillation,
      seed: SplitMix64(seed: configuration.seed, stream: 0x2000 + UInt64(self.step)))
    let results: [ShardStep.Result]
    do {
      results = try group.run { shard in try step.run(shard, of: batch, on: context) }
    } catch let error as ShardStep.BadLayer {
      throw notFinite(error.name)
    } catch let error as TrainingError where error.code == .elsewhere {
      // Shards that wait hear only that something failed; if it was the sums of gradients, those know what.
      throw networks.reduction.failure ?? error
    }
    try context.timed(.reduction, of: "all") { try networks.reduction.end() }
    let sums = results[0].sums
    let statistics =
      group.synchronizesNorm
      ? results[0].statistics : step.means(of: sums, like: results[0].statistics)
    var next = 0
    network.forEachStatistic { _, values in
      values = statistics[next]
      next += 1
    }
    return (sums.reduce(0) { $0 + $1[0] }, Int(sums.reduce(0) { $0 + $1[1] }))
  }
}

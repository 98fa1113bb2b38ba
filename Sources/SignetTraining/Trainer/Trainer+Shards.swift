// SPDX-License-Identifier: Apache-2.0

import Signet

/// A step whose batch is cut into shards, on this rank and others.
///
/// Each shard is computed as a batch of its own, but for what is measured on all of them: the loss's mean, and with
/// synchronised statistics BatchNorm's and the β of binarizations. Running statistics are the mean of the shards'.
extension Trainer {
  /// Fills in the gradients of the whole batch, of which `batch` has this rank's images.
  mutating func shardedGradients(
    of batch: TrainingBatch, in group: ShardGroup, on context: ComputeContext
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
      seed: SplitMix64(seed: configuration.seed, stream: 0x2000 + UInt64(self.step)))
    let results: [ShardStep.Result]
    do {
      results = try group.run { shard in try step.run(shard, of: batch, on: context) }
    } catch let error as ShardStep.BadLayer {
      throw notFinite(error.name)
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

/// What the shards of one step have in common.
private struct ShardStep: Sendable {
  /// A layer of a shard whose results are not finite.
  struct BadLayer: Error {
    let name: String
  }

  struct Result: Sendable {
    /// Of all shards, in their order: loss, images with the right class, and the running statistics where these differ.
    let sums: [[Double]]
    /// Running statistics of this one.
    let statistics: [[Float]]
  }

  let group: ShardGroup
  let networks: ShardNetworks
  /// Running statistics before the step.
  let statistics: [[Float]]
  /// Images of the batch, and the first of them that is this rank's.
  let (whole, firstImage): (Int, Int)
  /// What random rounding derives from.
  let seed: SplitMix64

  /// Forward and backward of one shard.
  func run(_ index: Int, of batch: TrainingBatch, on context: ComputeContext) throws -> Result {
    let range = group.images(of: index..<index + 1, batch: whole)
    let local = range.lowerBound - firstImage..<range.upperBound - firstImage
    guard let inputs = batch.inputs.baseAddress else { throw TrainingError(.badRun, "a batch is empty") }
    let shard = Shard(group: group, index: index, batch: whole)
    let part = try context.part(shard)
    return try networks.with(index) { network in
      let x = Tensor(
        images: local.count, shape: network.input,
        memory: Memory(borrowing: inputs + local.lowerBound * network.input.count))
      var next = 0
      network.forEachStatistic { _, values in
        values = statistics[next]
        next += 1
      }
      let (loss, correct) = try gradients(
        &network, x, labels: Array(batch.labels[local]), shard: shard, on: part)
      var after: [[Float]] = []
      network.forEachStatistic { after.append($1) }
      let differing = group.synchronizesNorm ? [] : after.joined().map(Double.init)
      return Result(sums: try shard.gather([loss, Double(correct)] + differing), statistics: after)
    }
  }

  private func gradients(
    _ network: inout Sequential, _ x: Tensor, labels: [Int32], shard: Shard, on context: ComputeContext
  ) throws -> (loss: Double, correct: Int) {
    func badLayer(_ network: Sequential) throws -> String? {
      Trainer.firstBadLayer(of: network, x, on: try context.part(nil))
    }
    let (logits, tape): (Tensor, Sequential.Tape)
    do {
      (logits, tape) = try network.forward(x, phase: .training, on: context)
    } catch is NotFinite {
      // Statistics of the whole batch fail in all shards: the one whose own numbers are bad tells.
      guard let name = try badLayer(network) else { throw TrainingError.elsewhere }
      throw BadLayer(name: name)
    }
    let (loss, gradient, correct) = CrossEntropy.evaluate(logits, labels: labels, batch: whole, on: context)
    guard loss.isFinite else { throw BadLayer(name: try badLayer(network) ?? "loss") }
    // Each shard rounds with random bits of its own; the first one's are those of a batch that is not cut.
    var random = seed
    var key = random.next()
    for _ in 0..<shard.index { key = random.next() }
    try network.backward(Gradient(gradient, key: key), tape: consume tape, on: context) {
      networks.reduction.layerEnded($0)
    }
    return (loss, correct)
  }

  /// The means of the shards' statistics, each weighted with its images; in double, in the order of shards.
  func means(of sums: [[Double]], like statistics: [[Float]]) -> [[Float]] {
    let counts = (0..<group.shards).map { Double(group.images(of: $0..<$0 + 1, batch: whole).count) }
    var place = 2
    return statistics.map { values in
      defer { place += values.count }
      return values.indices.map { index in
        Float(zip(sums, counts).reduce(0) { $0 + $1.0[place + index] * $1.1 } / Double(whole))
      }
    }
  }
}

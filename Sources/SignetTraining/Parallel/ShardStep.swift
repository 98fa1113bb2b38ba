// SPDX-License-Identifier: Apache-2.0

import Signet

/// What the shards of one step have in common.
struct ShardStep: Sendable {
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
  /// The teacher's logits of this rank's images, if there is one.
  let teacherLogits: PooledArray<Float>?
  let distillation: Distillation?
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
      let classes = (teacherLogits?.count ?? 0) / batch.labels.count
      let (loss, correct) = try gradients(
        &network, x, labels: Array(batch.labels[local]),
        teacherLogits: teacherLogits?.slice(local.lowerBound * classes..<local.upperBound * classes),
        shard: shard, on: part
      )
      var after: [[Float]] = []
      network.forEachStatistic { after.append($1) }
      let differing = group.synchronizesNorm ? [] : after.joined().map(Double.init)
      return Result(sums: try shard.gather([loss, Double(correct)] + differing), statistics: after)
    }
  }

  private func gradients(
    _ network: inout Sequential, _ x: Tensor, labels: [Int32], teacherLogits: PooledArray<Float>?,
    shard: Shard,
    on context: ComputeContext
  ) throws -> (loss: Double, correct: Int) {
    let (logits, tape): (Tensor, Sequential.Tape)
    do {
      (logits, tape) = try network.forward(x, phase: .training, on: context)
    } catch is NotFinite {
      throw try badLayer(of: network, x, shard: shard, on: context)
    }
    let (loss, gradient, correct) = Trainer.loss(
      of: logits, labels: labels, teacherLogits: teacherLogits, by: distillation, batch: whole, on: context)
    guard loss.isFinite else {
      // Other shards may be at their backward pass: this one looks by itself, with statistics of its own.
      throw BadLayer(
        name: Trainer.firstBadLayer(of: network, x, on: try context.part(nil)) ?? "loss")
    }
    // Each shard rounds with random bits of its own; the first one's are those of a batch that is not cut.
    var random = seed
    var key = random.next()
    for _ in 0..<shard.index { key = random.next() }
    try network.backward(Gradient(gradient, key: key), tape: consume tape, on: context) {
      networks.reduction.layerEnded($0)
    }
    return (loss, correct)
  }

  /// The layer to be named for a forward pass that stopped at numbers that are not finite.
  ///
  /// With statistics of the whole batch, which are so in all shards at once, all come here and ask each other in which layer their own results
  /// were so first. The lowest of those with the first such layer names it. Where only what they have together is not finite, it is the
  /// layer that the pass stopped at, named by shard 0.
  /// - Throws: ``TrainingError`` `.elsewhere` if another shard names it.
  private func badLayer(
    of network: Sequential, _ x: Tensor, shard: Shard, on context: ComputeContext
  ) throws -> BadLayer {
    guard group.synchronizesNorm else {
      return BadLayer(name: Trainer.firstBadLayer(of: network, x, on: context) ?? "loss")
    }
    var (network, ended, bad) = (network, 0, Int?.none)
    do {
      // It depends on parameters alone, so it ends where the pass before it did, on all shards.
      _ = try network.forward(x, phase: .training, on: context) { _, _, output in
        if bad == nil, !context.plain(output).values.allSatisfy(\.isFinite) { bad = ended }
        ended += 1
      }
    } catch is NotFinite {}
    let names = network.layers.map(\.name)
    let all = try shard.gather([Double(bad ?? names.count)]).map { Int($0[0]) }
    let first = all.min() ?? names.count
    guard all.firstIndex(of: first) == shard.index else { throw TrainingError.elsewhere }
    return BadLayer(name: names[min(first, ended, names.count - 1)])
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

// SPDX-License-Identifier: Apache-2.0

/// One shard of a batch, as the layers that compute it see it.
package struct Shard: Sendable {
  let group: ShardGroup
  /// Among the shards of all ranks.
  let index: Int
  /// Images of the whole batch.
  let batch: Int

  /// The images of each shard.
  var imageCounts: [Int] {
    (0..<group.shards).map { group.images(of: $0..<$0 + 1, batch: batch).count }
  }

  /// The numbers of all shards, in their order.
  func gather(_ values: [Double]) throws -> [[Double]] { try group.gather(values, from: index) }
}

extension ComputeContext {
  /// The shard whose statistics are those of the whole batch; nil if a batch is for itself.
  private var synchronizedShard: Shard? {
    guard let shard, shard.group.synchronizesNorm else { return nil }
    return shard
  }

  /// Sums over the rows of the whole batch, and how many rows these are, from those of this shard.
  ///
  /// Added in the order of shards. Without synchronised statistics the shard is the batch.
  func batchSums(
    _ own: PooledArray<Double>, rows: Int
  ) throws -> (sums: PooledArray<Double>, rows: Int) {
    guard let shard = synchronizedShard else { return (own, rows) }
    let sums = array(own.count, of: Double.self)
    sums.fill(0)
    for values in try shard.gather(own.array) {
      for index in sums.indices { sums[index] += values[index] }
    }
    return (sums, rows / shard.imageCounts[shard.index] * shard.batch)
  }

  /// Makes means and variances by channel, `[2][channels]`, those of the whole batch; they were those of this shard.
  ///
  /// `μ = Σ n_k μ_k / N`, `σ² = Σ n_k (σ_k² + (μ_k − μ)²) / N` over shards of n_k images, in double and in their order.
  /// - Source: Chan, Golub, LeVeque 1983, equation 1.
  func joinMoments(_ moments: PooledArray<Double>) throws {
    guard let shard = synchronizedShard else { return }
    let (all, counts, channels) = (try shard.gather(moments.array), shard.imageCounts, moments.count / 2)
    for channel in 0..<channels {
      var (sum, square) = (0.0, 0.0)
      for (values, count) in zip(all, counts) { sum += Double(count) * values[channel] }
      let mean = sum / Double(shard.batch)
      for (values, count) in zip(all, counts) {
        let offset = values[channel] - mean
        square += Double(count) * (values[channels + channel] + offset * offset)
      }
      moments[channel] = mean
      moments[channels + channel] = square / Double(shard.batch)
    }
  }
}

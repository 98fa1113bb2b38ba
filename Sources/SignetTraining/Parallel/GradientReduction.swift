// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Signet
import Synchronization

/// Adds the gradients of all shards, bucket by bucket, while the backward pass still runs.
///
/// Buckets follow the backward pass: the last layer's parameters come first. As soon as this rank's shards have all numbers of a
/// bucket, it is on its way: each rank gets one part of it from every other (``Collective/exchange(_:counts:into:receivedCounts:)``), adds
/// (``ShardTree``), and gives the sum to all (``Collective/complete(_:counts:)``). That moves a gradient's bytes once for each branch of the
/// tree that a rank's shards make up, mostly one, and once more, whatever the number of ranks.
final class GradientReduction: Sendable {
  /// Numbers of one parameter.
  private struct Slice: Sendable {
    let parameter: Int
    let range: Range<Int>
  }

  private struct Bucket: Sendable {
    var slices: [Slice] = []
    var count = 0
    /// The last of its layers in the backward pass.
    var layer = 0
  }

  private struct Progress {
    /// Shards of this rank that have yet to come by, of each bucket.
    var missing: [Int] = []
    var failure: (any Error)?
  }

  private let group: ShardGroup
  private let buckets: [Bucket]
  /// The gradients of each of this rank's shards, in the order of parameters; the first's are the network's own.
  private let gradients: [[AlignedBuffer<Float>]]
  private let progress = Mutex(Progress())
  private let queue = DispatchQueue(label: "signet.gradients", qos: .userInitiated)
  private let underway = DispatchGroup()
  /// Memory of one bucket after the other: this rank's shards, what is sent, and what comes.
  private let (shards, sent, received): (AlignedBuffer<Float>, AlignedBuffer<Float>, AlignedBuffer<Float>)

  init(_ network: Sequential, group: ShardGroup) {
    self.group = group
    var network = network
    var layers: [[Int]] = []
    var main: [AlignedBuffer<Float>] = []
    for index in network.layers.indices {
      var own: [Int] = []
      network.layers[index].forEachParameter { _, parameter in
        own.append(main.count)
        main.append(parameter.gradient)
      }
      layers.append(own)
    }
    buckets = Self.buckets(layers, counts: main.map(\.count), size: group.bucketSize)
    gradients = [main] + group.own.dropFirst().map { _ in main.map { AlignedBuffer(count: $0.count) } }
    let largest = buckets.map(\.count).max() ?? 0
    let branches = group.ofRanks.map { ShardTree.branches(of: $0, in: 0..<group.shards).count }
    let isAlone = group.collective.ranks == 1
    shards = AlignedBuffer(count: largest * group.own.count)
    sent = AlignedBuffer(count: isAlone ? largest : largest * branches[group.collective.rank])
    // A rank's part of a bucket may be one number longer than another's.
    received = AlignedBuffer(
      count: isAlone ? 0 : branches.reduce(0, +) * (largest / group.collective.ranks + 1))
  }

  private static func buckets(_ layers: [[Int]], counts: [Int], size: Int) -> [Bucket] {
    var (buckets, last) = ([Bucket](), Bucket())
    for (layer, parameters) in layers.enumerated().reversed() {
      for parameter in parameters {
        var start = 0
        while start < counts[parameter] {
          let end = min(counts[parameter], start + size - last.count)
          last.slices.append(Slice(parameter: parameter, range: start..<end))
          last.count += end - start
          last.layer = layer
          start = end
          guard last.count == size else { continue }
          buckets.append(last)
          last = Bucket()
        }
      }
    }
    return last.count > 0 ? buckets + [last] : buckets
  }

  /// Whether the first shard's gradients are those of this network.
  func belongs(to network: inout Sequential) -> Bool {
    var (index, same) = (0, true)
    network.forEachParameter { _, parameter in
      same = same && index < gradients[0].count && gradients[0][index] === parameter.gradient
      index += 1
    }
    return same && index == gradients[0].count
  }

  /// Gives a network the gradients of one shard.
  func lend(to network: inout Sequential, shard: Int) {
    var index = 0
    let own = gradients[shard - group.own.lowerBound]
    network.forEachParameter { _, parameter in
      parameter.gradient = own[index]
      index += 1
    }
  }

  /// Before the shards begin a step.
  func begin() {
    progress.withLock { $0.missing = Array(repeating: group.own.count, count: buckets.count) }
  }

  /// A shard has filled in the gradients of a layer.
  func layerEnded(_ layer: Int) {
    progress.withLock { progress in
      for index in buckets.indices where buckets[index].layer == layer {
        progress.missing[index] -= 1
        // Under the lock: every rank must send its buckets in the same order.
        guard progress.missing[index] == 0 else { continue }
        queue.async(group: underway) { [self] in reduce(buckets[index]) }
      }
    }
  }

  /// The error that the sums of this step ended with; nil while there is none.
  var failure: (any Error)? { progress.withLock { $0.failure } }

  /// Waits until the network's gradients are the sums over all shards.
  func end() throws {
    let start = ContinuousClock.now
    underway.wait()
    if group.collective.ranks > 1 { group.addTime(waited: start.duration(to: .now)) }
    if let failure { throw failure }
  }

  private func reduce(_ bucket: Bucket) {
    guard failure == nil else { return }
    let start = ContinuousClock.now
    do {
      try sum(bucket)
    } catch {
      // Numbers may be on their way still, out of this object's memory or into it: it is never given back.
      _ = Unmanaged.passRetained(self)
      progress.withLock { $0.failure = error }
      group.fail()
    }
    group.addTime(reduced: start.duration(to: .now))
  }

  private func sum(_ bucket: Bucket) throws {
    let (count, own, whole) = (bucket.count, group.own, 0..<group.shards)
    for shard in 0..<own.count {
      var place = shards.pointer + shard * count
      for slice in bucket.slices {
        place.update(
          from: gradients[shard][slice.parameter].pointer + slice.range.lowerBound, count: slice.range.count)
        place += slice.range.count
      }
    }
    let collective = group.collective
    let parts = (0..<collective.ranks).map { rank in
      count * rank / collective.ranks..<count * (rank + 1) / collective.ranks
    }
    let all = group.ofRanks.map { ShardTree.branches(of: $0, in: whole) }
    // What each rank gets of this one: its part of each branch.
    var target = sent.pointer
    for part in parts {
      for branch in all[collective.rank] {
        ShardTree.sum(branch, count: part.count, into: target) { shards in
          guard shards.count == 1 else { return nil }
          return UnsafePointer(
            self.shards.pointer + (shards.lowerBound - own.lowerBound) * count + part.lowerBound)
        }
        target += part.count
      }
    }
    if collective.ranks > 1 {
      let part = parts[collective.rank]
      try collective.exchange(
        sent.pointer, counts: parts.map { $0.count * all[collective.rank].count }, into: received.pointer,
        receivedCounts: all.map { part.count * $0.count })
      let branches = all.flatMap(\.self)
      ShardTree.sum(whole, count: part.count, into: sent.pointer + part.lowerBound) { shards in
        branches.firstIndex(of: shards).map { UnsafePointer(received.pointer + $0 * part.count) }
      }
      try collective.complete(sent.pointer, counts: parts.map(\.count))
    }
    var place = UnsafePointer(sent.pointer)
    for slice in bucket.slices {
      (gradients[0][slice.parameter].pointer + slice.range.lowerBound).update(
        from: place, count: slice.range.count)
      place += slice.range.count
    }
  }
}

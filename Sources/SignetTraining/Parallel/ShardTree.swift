// SPDX-License-Identifier: Apache-2.0

/// The order in which the gradients of shards are added: halves of halves.
///
/// `g(a..<b) = g(a..<m) + g(m..<b)` with `m = a + (b − a)/2`, in float32. The tree depends on the number of shards alone, so any
/// number of ranks gives the same bits. Where a rank's shards make up whole branches it adds them before it sends them.
enum ShardTree {
  private static func middle(_ shards: Range<Int>) -> Int { shards.lowerBound + shards.count / 2 }

  /// The fewest branches that make up `own`, ascending.
  static func branches(of own: Range<Int>, in whole: Range<Int>) -> [Range<Int>] {
    let shared = own.clamped(to: whole)
    if shared.isEmpty { return [] }
    if shared == whole { return [whole] }
    let middle = middle(whole)
    return branches(of: own, in: whole.lowerBound..<middle) + branches(of: own, in: middle..<whole.upperBound)
  }

  /// Writes `g(shards)`, `count` numbers; `known` gives a branch's sum if somebody has it, and must for single shards.
  static func sum(
    _ shards: Range<Int>, count: Int, into target: UnsafeMutablePointer<Float>,
    known: (Range<Int>) -> UnsafePointer<Float>?
  ) {
    // Blocks that stay in the cache with the sums of the branches.
    let size = 4096
    withUnsafeTemporaryAllocation(of: Float.self, capacity: size * depth(of: shards.count)) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      for start in stride(from: 0, to: count, by: size) {
        add(
          shards, at: start, count: min(size, count - start), into: target + start, scratch: scratch,
          known: known)
      }
    }
  }

  private static func add(
    _ shards: Range<Int>, at start: Int, count: Int, into target: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, known: (Range<Int>) -> UnsafePointer<Float>?
  ) {
    if let values = known(shards) {
      target.update(from: values + start, count: count)
      return
    }
    precondition(shards.count > 1, "nobody has the gradient of shard \(shards.lowerBound)")
    let middle = middle(shards)
    let below = scratch + 4096
    add(
      shards.lowerBound..<middle, at: start, count: count, into: scratch, scratch: below, known: known)
    let right = middle..<shards.upperBound
    if let values = known(right) {
      for index in 0..<count { target[index] = scratch[index] + values[start + index] }
    } else {
      // The right branch may only be written once the left one is safe in the scratch.
      add(right, at: start, count: count, into: target, scratch: below, known: known)
      for index in 0..<count { target[index] = scratch[index] + target[index] }
    }
  }

  private static func depth(of count: Int) -> Int {
    count <= 1 ? 1 : 1 + depth(of: count - count / 2)
  }
}

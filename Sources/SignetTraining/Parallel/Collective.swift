// SPDX-License-Identifier: Apache-2.0

/// What processes that train together say to each other.
///
/// Every rank makes the same calls in the same order. ``gather(_:counts:)`` and ``broadcast(_:)`` are one thread's, the two calls
/// for gradients another's; both may be under way at a time. A call returns when this rank has what it asked for, and throws
/// if another rank has failed. Memory that a call for gradients was given must stay where it is for good if the call throws: numbers may
/// be on their way still.
package protocol Collective: Sendable {
  /// This process among all, from 0.
  var rank: Int { get }
  var ranks: Int { get }

  /// The numbers of all ranks, in the order of ranks.
  ///
  /// - Shapes: `values` `[counts[rank]]`, the result `[Σ counts]`.
  func gather(_ values: [Double], counts: [Int]) throws -> [Double]

  /// The bytes of rank 0; those of the other ranks are not looked at.
  func broadcast(_ bytes: [UInt8]) throws -> [UInt8]

  /// Sends each rank its part of `values`, and receives this rank's part of every rank's, in the order of ranks.
  func exchange(
    _ values: UnsafePointer<Float>, counts: [Int], into received: UnsafeMutablePointer<Float>,
    receivedCounts: [Int]) throws

  /// Completes `values`, of which each rank has filled its part: `counts` of each rank, in the order of ranks.
  func complete(_ values: UnsafeMutablePointer<Float>, counts: [Int]) throws
}

/// One process alone.
package struct SingleRank: Collective {
  package var rank: Int { 0 }
  package var ranks: Int { 1 }

  package init() {}

  package func gather(_ values: [Double], counts: [Int]) -> [Double] { values }

  package func broadcast(_ bytes: [UInt8]) -> [UInt8] { bytes }

  package func exchange(
    _ values: UnsafePointer<Float>, counts: [Int], into received: UnsafeMutablePointer<Float>,
    receivedCounts: [Int]
  ) {
    received.update(from: values, count: counts[0])
  }

  package func complete(_ values: UnsafeMutablePointer<Float>, counts: [Int]) {}
}

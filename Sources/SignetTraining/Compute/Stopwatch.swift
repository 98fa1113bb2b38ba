// SPDX-License-Identifier: Apache-2.0

package import Signet
import Synchronization

/// Times of the parts of a training step, by layer; for benchmarks.
package final class Stopwatch: Sendable {
  /// A part of a layer's work.
  package enum Part: Hashable, Sendable {
    case forward
    /// The convolution in it, with the arrangement of its weights.
    case product
    /// All of it, the two products included.
    case backward
    /// The product that gives the weights' gradient, with rounding and packing `dY` for both products.
    case weightGradient
    /// The product that gives the input's gradient, with the sums that are taken of it while it is in the cache.
    case inputGradient
    /// Both of these where they are made together.
    case bothGradients
    /// Waiting for gradients of other shards and ranks after the last one of one's own.
    case reduction
    case optimizer
  }

  package struct Key: Hashable, Sendable {
    package let layer: String
    package let part: Part
  }

  private let spans = Mutex<[Key: [Double]]>([:])

  package init() {}

  /// Runs `body` and adds its time.
  package func measure<Result, Failure: Error>(
    _ part: Part, of layer: String, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = ContinuousClock.now
    let result = try body()
    let time = start.duration(to: .now).milliseconds
    spans.withLock { $0[Key(layer: layer, part: part), default: []].append(time) }
    return result
  }

  /// The times so far in milliseconds, one for each step; forgets them.
  package func take() -> [Key: Timings] {
    spans.withLock { spans in
      defer { spans = [:] }
      return spans.mapValues(Timings.init)
    }
  }
}

extension ComputeContext {
  /// Runs `body`, timed if this context has a stopwatch.
  func timed<Result, Failure: Error>(
    _ part: Stopwatch.Part, of layer: String, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let stopwatch else { return try body() }
    return try stopwatch.measure(part, of: layer, body)
  }
}

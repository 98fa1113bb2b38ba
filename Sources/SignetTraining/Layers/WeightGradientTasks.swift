// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// How the gradient of a layer's weights is shared out: by columns, and by filters where there are few columns.
///
/// Each weight's sum is one task's from the first row to the last, so the split changes no bit.
package struct WeightGradientTasks {
  private let columns: Int
  private let tiles: Int
  private let pieces: Int
  private let slices: Int

  /// `width` is how many columns a task should have about, where there are that many, and `fewest` how many at least.
  package init(columns: Int, filters: Int, threads: Int, width: Int = 4, fewest: Int = 4) {
    self.columns = columns
    tiles = (filters + Int(SK_GRADIENT_ROWS) - 1) / Int(SK_GRADIENT_ROWS)
    guard threads > 1 else {
      (pieces, slices) = (1, 1)
      return
    }
    // A slice of the filters must be worth the expansion of its columns' bits.
    let mostSlices = max(1, min(threads, tiles / 8))
    // Narrower where threads would have no task else.
    let share = (columns * mostSlices + threads - 1) / threads
    let own = max(min(width, share), min(width, fewest))
    let blocks = (columns + own - 1) / own
    pieces = blocks >= 4 * threads ? 4 * threads : blocks
    // Filters are split as well where columns alone don't share out evenly.
    slices = pieces % threads == 0 ? 1 : mostSlices
  }

  package var count: Int { pieces * slices }

  /// What a task computes: columns, and tiles of `SK_GRADIENT_ROWS` filters.
  package subscript(task: Int) -> (columns: Range<Int>, tiles: Range<Int>) {
    let (piece, slice) = (task / slices, task % slices)
    return (
      columns * piece / pieces..<columns * (piece + 1) / pieces,
      tiles * slice / slices..<tiles * (slice + 1) / slices
    )
  }

  func run(
    on context: ComputeContext, _ body: (_ columns: Range<Int>, _ tiles: Range<Int>, _ worker: Int) -> Void
  ) {
    context.crew.pool.run(count) { task, worker in
      let (columns, tiles) = self[task]
      body(columns, tiles, worker)
    }
  }
}

extension ComputeContext {
  /// Bytes of scratch from one thread's to the next one's.
  func scratchBytes(filters: Int, channels: Int, taps: Int) -> Int {
    Self.wholePages(sk_gradient_scratch_bytes(filters, channels, taps))
  }

  /// Rounded up, so that no two threads write to one page.
  static func wholePages(_ bytes: Int) -> Int { (bytes + 4095) / 4096 * 4096 }
}

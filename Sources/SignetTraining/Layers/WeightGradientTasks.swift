// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// How the gradient of a layer's weights is shared out: by columns, and by filters where there are few columns.
///
/// Each weight's sum is one task's from the first row to the last, so the split changes no bit.
struct WeightGradientTasks {
  private let columns: Int
  private let tiles: Int
  private let pieces: Int
  private let slices: Int

  /// `fewest` columns are what a task should have where there are that many.
  init(columns: Int, filters: Int, threads: Int, fewest: Int = 4) {
    self.columns = columns
    tiles = (filters + Int(SK_GRADIENT_ROWS) - 1) / Int(SK_GRADIENT_ROWS)
    guard threads > 1 else {
      (pieces, slices) = (1, 1)
      return
    }
    // Columns of a task share what is in the cache: a task has some blocks of 4, but there are some tasks a thread.
    let blocks = (columns + fewest - 1) / fewest
    pieces = blocks >= 4 * threads ? 4 * threads : blocks
    // Too few blocks: filters are split as well, but a slice must be worth the expansion of its columns' bits.
    let isEven = pieces % threads == 0
    slices = isEven ? 1 : max(1, min(threads, tiles / 8))
  }

  func run(
    on context: ComputeContext, _ body: (_ columns: Range<Int>, _ tiles: Range<Int>, _ worker: Int) -> Void
  ) {
    context.crew.pool.run(pieces * slices) { task, worker in
      let (piece, slice) = (task / slices, task % slices)
      body(
        columns * piece / pieces..<columns * (piece + 1) / pieces,
        tiles * slice / slices..<tiles * (slice + 1) / slices, worker)
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

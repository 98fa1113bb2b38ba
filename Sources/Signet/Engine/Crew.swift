// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// What computes: kernels, threads, and each thread's scratch memory.
package final class Crew: Sendable {
  package let table: KernelTable
  package let pool: ThreadPool
  private let scratch: [Scratch]

  /// Written by its own worker only.
  private final class Scratch: @unchecked Sendable {
    var pointers = AlignedBuffer<UnsafeRawPointer?>(count: Int(SK_SCRATCH_POINTERS))
  }

  package init(table: KernelTable, threads: Int) throws {
    self.table = table
    pool = try ThreadPool(threads: threads)
    scratch = (0..<threads).map { _ in Scratch() }
  }

  package var kernels: sk_kernels { table.kernels.pointee }

  /// Room for a convolution's pointers, the worker's own.
  package func scratch(_ worker: Int, taps: Int) -> UnsafeMutablePointer<UnsafeRawPointer?> {
    let own = scratch[worker]
    let count = max(Int(SK_SCRATCH_POINTERS), taps * Int(SK_MAX_ROWS))
    if own.pointers.count < count { own.pointers = AlignedBuffer(count: count) }
    return own.pointers.pointer
  }

  /// Splits a convolution's output over the threads: pixels, and blocks of filters where there are few pixels.
  ///
  /// Ranges of pixels are whole tiles for any number of planes; ranges of blocks are whole groups of the widest tile.
  package func runTiles(
    pixels: Int, blocks: Int, _ body: (_ pixels: Range<Int>, _ blocks: Range<Int>, _ worker: Int) -> Void
  ) {
    guard pixels > 0, blocks > 0 else { return }
    let wanted = pool.threads == 1 ? 1 : pool.threads * 4
    func split(_ count: Int, into pieces: Int, whole: Int) -> (size: Int, pieces: Int) {
      let size = ((count + pieces - 1) / pieces + whole - 1) / whole * whole
      return (size, (count + size - 1) / size)
    }
    let rows = split(pixels, into: max(1, min(wanted, pixels / 48)), whole: 12)
    let columns = split(
      blocks, into: max(1, min((wanted + rows.pieces - 1) / rows.pieces, blocks / 4)), whole: 4)
    pool.run(rows.pieces * columns.pieces) { task, worker in
      let (row, column) = (task / columns.pieces * rows.size, task % columns.pieces * columns.size)
      body(row..<min(pixels, row + rows.size), column..<min(blocks, column + columns.size), worker)
    }
  }
}

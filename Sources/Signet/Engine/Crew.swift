// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// What computes: kernels, threads, and each thread's scratch memory.
package final class Crew: Sendable {
  package let table: KernelTable
  package let pool: ThreadPool
  private let scratch: [Scratch]

  /// Written by its own worker only.
  private final class Scratch: @unchecked Sendable {
    var pointers = AlignedBuffer<UnsafeRawPointer?>(count: 1024)
  }

  package init(table: KernelTable, threads: Int) throws {
    self.table = table
    pool = try ThreadPool(threads: threads)
    scratch = (0..<threads).map { _ in Scratch() }
  }

  package var kernels: sk_kernels { table.kernels.pointee }

  /// Room for `count` pointers, the worker's own.
  package func scratch(_ worker: Int, pointers count: Int) -> UnsafeMutablePointer<UnsafeRawPointer?> {
    let own = scratch[worker]
    if own.pointers.count < count { own.pointers = AlignedBuffer(count: count) }
    return own.pointers.pointer
  }
}

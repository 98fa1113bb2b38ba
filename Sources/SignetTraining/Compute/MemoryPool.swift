// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Memory that is used again: after the first step of a training run, no step allocates.
package final class MemoryPool: Sendable {
  /// Regions that nobody holds, the smallest first.
  private let free = Mutex<[Region]>([])

  package init() {}

  /// A region of at least `bytes` bytes; its content is undefined.
  ///
  /// The smallest free region that is large enough, unless it is more than twice as large: layers of different sizes share
  /// memory, and small requests don't take large regions.
  package func take(bytes: Int) -> Memory {
    let size = (max(bytes, 1) + 4095) / 4096 * 4096
    let found = free.withLock { free -> Region? in
      let index = Self.firstIndex(in: free, ofAtLeast: size)
      guard index < free.count, free[index].bytes <= 2 * size + 65536 else { return nil }
      return free.remove(at: index)
    }
    return Memory(region: found ?? Region(bytes: size), pool: self)
  }

  fileprivate func give(_ region: Region) {
    free.withLock { $0.insert(region, at: Self.firstIndex(in: $0, ofAtLeast: region.bytes)) }
  }

  private static func firstIndex(in regions: [Region], ofAtLeast bytes: Int) -> Int {
    var (low, high) = (0, regions.count)
    while low < high {
      let middle = (low + high) / 2
      if regions[middle].bytes < bytes { low = middle + 1 } else { high = middle }
    }
    return low
  }

  fileprivate final class Region: @unchecked Sendable {
    let bytes: Int
    let pointer: UnsafeMutableRawPointer

    init(bytes: Int) {
      self.bytes = bytes
      pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    }

    deinit { pointer.deallocate() }
  }
}

/// A region of a pool; it goes back with the last reference.
///
/// The optimizer may drop a reference after its last use, although a pointer into the region is still in use: whoever
/// takes memory for a function's duration says `defer { memory.keep() }`.
package final class Memory: @unchecked Sendable {
  private let region: MemoryPool.Region
  private let pool: MemoryPool

  fileprivate init(region: MemoryPool.Region, pool: MemoryPool) {
    self.region = region
    self.pool = pool
  }

  deinit { pool.give(region) }

  /// Does nothing, with a reference that must therefore still be there.
  package func keep() { withExtendedLifetime(self) {} }

  package var floats: UnsafeMutablePointer<Float> { region.pointer.assumingMemoryBound(to: Float.self) }
  package var words: UnsafeMutablePointer<UInt32> { region.pointer.assumingMemoryBound(to: UInt32.self) }
  package var raw: UnsafeMutableRawPointer { region.pointer }
  package var bytes: UnsafeMutablePointer<UInt8> { region.pointer.assumingMemoryBound(to: UInt8.self) }
}

// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Memory that is used again: tensors and workspaces of a step lie where those of the step before lay.
///
/// One range of addresses is reserved; a request gets the smallest free place that holds it, and neighbours that are given back become one.
/// So a step touches little more memory than it needs at its fullest, whatever the sizes of its layers.
package final class MemoryPool: Sendable {
  private let state: Mutex<State>
  private let base: Int
  private let capacity: Int

  private struct State {
    /// Free places below `top`: start and length in bytes, rising.
    var free: [(start: Int, length: Int)] = []
    /// Everything above has never been used.
    var top = 0
  }

  /// A page, so that no two regions share one.
  private static let grain = 4096

  /// The machine's memory.
  static let physicalBytes: Int = {
    let (bytes, overflow) = Int(sysconf(Int32(_SC_PHYS_PAGES)))
      .multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE))))
    return overflow || bytes <= 0 ? .max : bytes
  }()

  /// Reserves addresses, not memory: as many as the machine's memory has bytes, where the system lets it.
  package init() {
    // Where the system doesn't say how much there is, a gigabyte.
    let physical = Self.physicalBytes == .max ? 1 << 30 : max(1 << 30, Self.physicalBytes)
    #if canImport(Darwin)
    let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #else
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    #endif
    let range = mmap(nil, physical, PROT_READ | PROT_WRITE, flags, -1, 0)
    let isReserved = range != nil && range != MAP_FAILED
    #if canImport(Glibc) || canImport(Musl)
    // Large pages where the system has them: a pass over a layer's values touches thousands of small ones.
    if isReserved { madvise(range, physical, MADV_HUGEPAGE) }
    #endif
    base = isReserved ? Int(bitPattern: range) : 0
    capacity = isReserved ? physical : 0
    state = Mutex(State())
  }

  deinit {
    if capacity > 0, let range = UnsafeMutableRawPointer(bitPattern: base) { munmap(range, capacity) }
  }

  /// Bytes of the range that were ever in use; it does not grow once a step has been done.
  package var extent: Int { state.withLock { $0.top } }

  /// A region of at least `bytes` bytes; its content is undefined.
  package func take(bytes: Int) -> Memory {
    let size = (max(bytes, 1) + Self.grain - 1) / Self.grain * Self.grain
    let capacity = capacity
    let start = state.withLock { state -> Int? in
      var best: Int?
      for (index, place) in state.free.enumerated() where place.length >= size {
        if let known = best, state.free[known].length <= place.length { continue }
        best = index
      }
      if let index = best {
        let place = state.free[index]
        if place.length == size {
          state.free.remove(at: index)
        } else {
          state.free[index] = (place.start + size, place.length - size)
        }
        return place.start
      }
      // The last free place may reach the top; it is made longer.
      var start = state.top
      if let last = state.free.last, last.start + last.length == state.top { start = last.start }
      guard size <= capacity - start else { return nil }
      if start < state.top { state.free.removeLast() }
      state.top = start + size
      return start
    }
    if let start, let pointer = UnsafeMutableRawPointer(bitPattern: base + start) {
      return Memory(pointer: pointer, place: .pool(self, start: start, length: size))
    }
    return Memory(
      pointer: UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64), place: .system)
  }

  fileprivate func give(start: Int, length: Int) {
    state.withLock { state in
      var (low, high) = (0, state.free.count)
      while low < high {
        let middle = (low + high) / 2
        if state.free[middle].start < start { low = middle + 1 } else { high = middle }
      }
      var place = (start: start, length: length)
      if low < state.free.count, place.start + place.length == state.free[low].start {
        place.length += state.free.remove(at: low).length
      }
      if low > 0, state.free[low - 1].start + state.free[low - 1].length == place.start {
        state.free[low - 1].length += place.length
      } else {
        state.free.insert(place, at: low)
      }
    }
  }
}

/// A region of a pool; it goes back with the last reference.
///
/// The optimizer may drop a reference after its last use, although a pointer into the region is still in use: whoever
/// takes memory for a function's duration says `defer { memory.keep() }`.
package final class Memory: @unchecked Sendable {
  fileprivate enum Place {
    case pool(MemoryPool, start: Int, length: Int)
    case system
    case borrowed
  }

  package let raw: UnsafeMutableRawPointer
  private let place: Place

  fileprivate init(pointer: UnsafeMutableRawPointer, place: Place) {
    raw = pointer
    self.place = place
  }

  /// Memory that belongs to somebody else, who keeps it for as long as this is used; it is only read.
  package convenience init(borrowing pointer: UnsafeRawPointer) {
    self.init(pointer: UnsafeMutableRawPointer(mutating: pointer), place: .borrowed)
  }

  deinit {
    switch place {
    case .pool(let pool, let start, let length): pool.give(start: start, length: length)
    case .system: raw.deallocate()
    case .borrowed: break
    }
  }

  /// Does nothing, with a reference that must therefore still be there.
  package func keep() { withExtendedLifetime(self) {} }

  package var floats: UnsafeMutablePointer<Float> { raw.assumingMemoryBound(to: Float.self) }
  package var words: UnsafeMutablePointer<UInt32> { raw.assumingMemoryBound(to: UInt32.self) }
  package var bytes: UnsafeMutablePointer<UInt8> { raw.assumingMemoryBound(to: UInt8.self) }
}

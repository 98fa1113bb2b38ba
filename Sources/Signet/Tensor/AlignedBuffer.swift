// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Pages of 2 MiB, which Linux gives to who asks: a column of a large matrix touches thousands of small ones.
private enum LargePages {
  #if canImport(Glibc) || canImport(Musl)
  private static let size = 1 << 21

  static func alignment(bytes: Int) -> Int { bytes >= size ? size : 64 }

  /// Asks for all whole ones of a region that starts on one; a system that has none says no, and nothing is lost.
  static func ask(_ memory: UnsafeMutableRawPointer, bytes: Int) {
    if bytes >= size { madvise(memory, bytes / size * size, MADV_HUGEPAGE) }
  }
  #else
  static func alignment(bytes: Int) -> Int { 64 }

  static func ask(_ memory: UnsafeMutableRawPointer, bytes: Int) {}
  #endif
}

/// Memory on a 64-byte boundary, freed with its last reference.
///
/// A buffer is shared, not copied: whoever holds it may write to it, and must see to it that nobody else
/// does at the same time.
package final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  package let pointer: UnsafeMutablePointer<Element>
  package let count: Int

  /// Allocates `count` elements; they are all zero bits.
  package init(count: Int) {
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: LargePages.alignment(bytes: bytes))
    LargePages.ask(memory, bytes: bytes)
    memset(memory, 0, bytes)
    pointer = memory.bindMemory(to: Element.self, capacity: max(count, 1))
    self.count = count
  }

  package convenience init(_ elements: [Element]) {
    self.init(count: elements.count)
    elements.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
    }
  }

  deinit {
    UnsafeMutableRawPointer(pointer).deallocate()
  }

  package var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  package var array: [Element] { Array(elements) }
}

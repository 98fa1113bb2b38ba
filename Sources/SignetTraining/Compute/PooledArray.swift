// SPDX-License-Identifier: Apache-2.0

/// Numbers in a pool's memory, where an array would be allocated at each step: of each channel, for instance.
///
/// The memory is shared by copies and slices of the value, and goes back to the pool with the last of them.
package struct PooledArray<Element: BitwiseCopyable & Sendable>: Sendable {
  private let memory: Memory
  private let start: Int
  package let count: Int

  fileprivate init(memory: Memory, start: Int, count: Int) {
    (self.memory, self.start, self.count) = (memory, start, count)
  }

  /// The numbers as kernels read them; the value must outlive the use.
  package var pointer: UnsafeMutablePointer<Element> {
    memory.raw.assumingMemoryBound(to: Element.self) + start
  }

  package var indices: Range<Int> { 0..<count }

  package subscript(index: Int) -> Element {
    get { pointer[index] }
    nonmutating set { pointer[index] = newValue }
  }

  /// The `index`-th of slices of `count` numbers each.
  package func slice(_ index: Int, of count: Int) -> PooledArray {
    PooledArray(memory: memory, start: start + index * count, count: count)
  }

  /// The numbers of a range.
  package func slice(_ range: Range<Int>) -> PooledArray {
    PooledArray(memory: memory, start: start + range.lowerBound, count: range.count)
  }

  package func fill(_ value: Element) { pointer.update(repeating: value, count: count) }

  package var array: [Element] { indices.map { self[$0] } }
}

extension ComputeContext {
  /// `count` numbers that are not set yet.
  package func array<Element>(_ count: Int, of type: Element.Type) -> PooledArray<Element> {
    PooledArray(
      memory: memory.take(bytes: count * MemoryLayout<Element>.stride), start: 0, count: count)
  }
}

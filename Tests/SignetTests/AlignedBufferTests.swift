// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Memory of arrays, around the size from which it is asked for in large pages.
@Suite struct AlignedBufferTests {
  private static let page = 1 << 21

  @Test(arguments: [0, 1, 17, page / 4 - 1, page / 4, page / 4 + 1, page])
  func isAlignedAndZero(count: Int) {
    let buffer = AlignedBuffer<Float>(count: count)
    #expect(buffer.count == count)
    let bytes = max(count, 1) * 4
    #expect(Int(bitPattern: buffer.pointer) % 64 == 0)
    #expect(buffer.elements.allSatisfy { $0.bitPattern == 0 })
    // The last element and the first are one's own.
    for index in [0, count - 1] where index >= 0 && index < count { buffer.pointer[index] = Float(index + 1) }
    #expect(buffer.elements.filter { $0 != 0 }.count == min(count, 2), "\(bytes) bytes")
  }

  @Test func holdsTheElementsThatItIsMadeFrom() {
    let elements = (0..<Self.page / 4 + 3).map { UInt32(truncatingIfNeeded: $0 &* 2_654_435_761) }
    #expect(AlignedBuffer(elements).array == elements)
  }
}

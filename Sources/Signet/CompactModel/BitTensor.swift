// SPDX-License-Identifier: Apache-2.0

/// Weight bits in a file and in memory.
package enum BitTensor {
  /// Dense bits of `[filters, taps, channels]` to words that start anew at each tap, the rest 0.
  package static func unpacked(_ dense: [UInt32], filters: Int, taps: Int, channels: Int) -> [UInt32] {
    if channels % 32 == 0 { return dense }
    let perTap = (channels + 31) / 32
    var words = [UInt32](repeating: 0, count: filters * taps * perTap)
    for row in 0..<filters * taps {
      for word in 0..<perTap {
        let first = row * channels + word * 32
        let count = min(32, channels - word * 32)
        let (at, offset) = (first / 32, first % 32)
        var bits = UInt64(dense[at])
        if at + 1 < dense.count { bits |= UInt64(dense[at + 1]) << 32 }
        let value = UInt32(truncatingIfNeeded: bits >> UInt64(offset))
        words[row * perTap + word] = count == 32 ? value : value & (1 << UInt32(count) - 1)
      }
    }
    return words
  }

  /// The bits of `values ≥ 0`, densely, low bit first.
  package static func packed(signsOf values: UnsafeBufferPointer<Float>) -> [UInt32] {
    var words = [UInt32](repeating: 0, count: (values.count + 31) / 32)
    for (index, value) in values.enumerated() where value >= 0 {
      words[index / 32] |= 1 << UInt32(index % 32)
    }
    return words
  }
}

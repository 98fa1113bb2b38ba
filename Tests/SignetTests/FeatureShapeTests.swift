// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Sizes of any kind, as they may come from outside.
///
/// Oracle: products in integers of 128 bits, which two sizes can't overflow.
struct FeatureShapeTests {
  private static let sizes = [
    Int.min, -3, -1, 0, 1, 2, 3, 224, 1 << 31, 3_037_000_499, 3_037_000_500, 1 << 32, Int.max - 1, Int.max,
  ]

  @Test func productsAreClamped() {
    func clamped(_ a: Int, _ b: Int) -> Int {
      Int(min(Int128(max(a, 0)) * Int128(max(b, 0)), Int128(Int.max)))
    }
    for height in Self.sizes {
      for width in Self.sizes {
        for channels in Self.sizes {
          let shape = FeatureShape(height: height, width: width, channels: channels)
          #expect(shape.pixels == clamped(height, width))
          #expect(shape.count == clamped(clamped(height, width), channels), "\(shape)")
        }
      }
    }
    #expect(FeatureShape(height: .max, width: 2, channels: 3).count == .max)
    #expect(FeatureShape(height: 28, width: 14, channels: 3).count == 1176)
  }
}

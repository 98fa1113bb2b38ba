// SPDX-License-Identifier: Apache-2.0

/// Output positions along one axis that see the same taps inside the image.
struct BorderClasses: Sendable {
  /// The class of each output position.
  var classOf: [UInt16] = []
  /// The taps inside the image, for each class.
  var inside: [Range<Int>] = []

  /// One class for all positions, as if none lay at a border.
  init(withoutBorder out: Int, kernel: Int) {
    classOf = Array(repeating: 0, count: out)
    inside = [0..<kernel]
  }

  init(size: Int, out: Int, kernel: Int, stride: Int, pad: Int) {
    for position in 0..<out {
      let start = position * stride - pad
      let low = min(kernel, max(0, -start))
      let range = low..<max(low, min(kernel, size - start))
      if let known = inside.firstIndex(of: range) {
        classOf.append(UInt16(known))
      } else {
        classOf.append(UInt16(inside.count))
        inside.append(range)
      }
    }
  }
}

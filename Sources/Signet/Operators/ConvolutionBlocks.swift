// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// The output channels of one group of a convolution, cut into vectors of 16.
package struct ConvolutionBlocks: Sendable {
  package let blocks: [sk_block]
  /// 16-bit half words of one plane of one output pixel.
  package let halves: Int

  package var lanes: Int { blocks.count * Int(SK_LANES) }

  /// Blocks for reals or accumulators: positions don't matter.
  package static func plain(filters: Int, groups: Int) -> [ConvolutionBlocks] {
    let size = filters / groups
    return (0..<groups).map { group in
      ConvolutionBlocks(
        blocks: stride(from: 0, to: size, by: 16).map {
          sk_block(
            channel: UInt32(group * size + $0), count: UInt32(min(16, size - $0)), position: 0)
        }, halves: 0)
    }
  }

  /// Blocks for bits in `layout`, or nil if a half word would hold channels of two groups.
  package static func packed(filters: Int, groups: Int, layout: CodeLayout) -> [ConvolutionBlocks]? {
    let size = filters / groups
    var parts = Array(repeating: [sk_block](), count: groups)
    for block in layout.blocks {
      let first = Int(block.channel)
      let last = first + max(Int(block.count), 1) - 1
      let group = min(first, filters - 1) / size
      guard min(last, filters - 1) / size == group else { return nil }
      parts[group].append(block)
    }
    return parts.map { ConvolutionBlocks(blocks: $0, halves: layout.words * 2) }
  }

  /// Spreads one value for each channel over the lanes; unused lanes get `filler`.
  package func spread<Value>(_ values: [Value], filler: Value) -> [Value] {
    blocks.flatMap { block in
      (0..<UInt32(SK_LANES)).map { $0 < block.count ? values[Int(block.channel + $0)] : filler }
    }
  }
}

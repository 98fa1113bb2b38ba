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
    var group = 0
    for block in layout.blocks {
      // A half word without channels belongs to the one before it.
      if block.count > 0 {
        group = Int(block.channel) / size
        guard Int(block.channel + block.count - 1) / size == group else { return nil }
      }
      parts[group].append(block)
    }
    return parts.map { ConvolutionBlocks(blocks: $0, halves: layout.words * 2) }
  }

  /// Whether the blocks are whole words: pairs of neighbouring half words.
  package var areWholeWords: Bool {
    blocks.count % 2 == 0
      && stride(from: 0, to: blocks.count, by: 2).allSatisfy {
        blocks[$0].position % 2 == 0 && blocks[$0 + 1].position == blocks[$0].position + 1
      }
  }

  /// Spreads one value for each channel over the lanes; unused lanes get `filler`.
  package func spread<Value>(_ values: [Value], filler: Value) -> [Value] {
    blocks.flatMap { block in
      (0..<UInt32(SK_LANES)).map { $0 < block.count ? values[Int(block.channel + $0)] : filler }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// Where the bits of a pixel's channels lie.
///
/// A pixel is `[plane][group][word]`: each group of the convolution that reads it starts at a word of its own,
/// low bit first; bits past a group's last channel are 0.
package struct CodeLayout: Hashable, Sendable {
  package var channels: Int
  package var groups: Int

  package init(channels: Int, groups: Int = 1) {
    self.channels = channels
    self.groups = groups
  }

  package var groupChannels: Int { channels / groups }
  package var groupWords: Int { (groupChannels + 31) / 32 }
  /// Words of one plane of one pixel.
  package var words: Int { groups * groupWords }

  package func position(of channel: Int) -> (word: Int, bit: Int) {
    let (group, inside) = channel.quotientAndRemainder(dividingBy: groupChannels)
    return (group * groupWords + inside / 32, inside % 32)
  }

  /// Every half word of a plane as a block of up to 16 channels.
  package var blocks: [sk_block] {
    (0..<groups * groupWords * 2).map { half in
      let (group, inside) = half.quotientAndRemainder(dividingBy: groupWords * 2)
      let first = min(inside * 16, groupChannels)
      return sk_block(
        channel: UInt32(group * groupChannels + first),
        count: UInt32(min(16, groupChannels - first)), position: UInt32(half))
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Where bits lie, in files and in memory.
///
/// Oracles: bit by bit definitions, and cases by hand.
struct TensorLayoutTests {
  @Test func denseBitsUnpackToWordsPerTap() {
    for channels in Array(1...70) + [95, 96, 97, 128, 257] {
      for (filters, taps) in [(1, 1), (3, 1), (2, 9), (5, 4)] {
        var random = SplitMix64(seed: UInt64(channels))
        let count = filters * taps * channels
        let dense = (0..<(count + 31) / 32).map { _ in UInt32(truncatingIfNeeded: random.next()) }
        let perTap = (channels + 31) / 32
        var expected = [UInt32](repeating: 0, count: filters * taps * perTap)
        for index in 0..<count where dense[index / 32] >> UInt32(index % 32) & 1 == 1 {
          let (row, channel) = index.quotientAndRemainder(dividingBy: channels)
          expected[row * perTap + channel / 32] |= 1 << UInt32(channel % 32)
        }
        let found = BitTensor.unpacked(dense, filters: filters, taps: taps, channels: channels)
        expectEqual(found, expected, "\(channels) channels, \(filters) filters, \(taps) taps")
      }
    }
  }

  @Test func signsPackLowBitFirst() {
    let values: [Float] = [0, -0.0, -1, 0x1p-149, -0x1p-149, .infinity, -.infinity, .nan]
    values.withUnsafeBufferPointer { #expect(BitTensor.packed(signsOf: $0) == [0b0010_1011]) }
    for count in [1, 31, 32, 33, 64, 65, 257] {
      var random = SplitMix64(seed: UInt64(count))
      let reals = (0..<count).map { _ in random.uniform(-1, 1) }
      let words = reals.withUnsafeBufferPointer { BitTensor.packed(signsOf: $0) }
      #expect(words.count == (count + 31) / 32)
      for bit in 0..<words.count * 32 {
        let expected = bit < count && reals[bit] >= 0
        #expect((words[bit / 32] >> UInt32(bit % 32) & 1 == 1) == expected)
      }
    }
  }

  @Test func groupsStartAtTheirOwnWord() {
    let layout = CodeLayout(channels: 66, groups: 2)
    #expect([layout.groupChannels, layout.groupWords, layout.words] == [33, 2, 4])
    for (channel, word, bit) in [(0, 0, 0), (31, 0, 31), (32, 1, 0), (33, 2, 0), (65, 3, 0)] {
      let place = layout.position(of: channel)
      #expect(place.word == word && place.bit == bit, "channel \(channel)")
    }
  }

  /// Positions are all different, in order within a group, and agree with the blocks.
  @Test func blocksCoverEveryHalfWordAndChannelOnce() {
    for groups in 1...6 {
      for size in Array(1...50) + [63, 64, 65, 100] {
        let layout = CodeLayout(channels: size * groups, groups: groups)
        var bits: [Int?] = Array(repeating: nil, count: layout.words * 32)
        for channel in 0..<layout.channels {
          let (word, bit) = layout.position(of: channel)
          #expect(bits[word * 32 + bit] == nil)
          bits[word * 32 + bit] = channel
        }
        let blocks = layout.blocks
        #expect(blocks.map { Int($0.position) } == Array(0..<layout.words * 2))
        for block in blocks {
          for lane in 0..<16 {
            let expected = lane < block.count ? Int(block.channel) + lane : nil
            #expect(bits[Int(block.position) * 16 + lane] == expected, "\(size)×\(groups)")
          }
        }
      }
    }
  }
}

/// Sizes of windows.
///
/// Oracle: a count of the starts that the definition admits, one by one.
struct WindowTests {
  private static func count(
    _ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ rounding: Window.Rounding
  ) -> Int? {
    guard padding < kernel else { return nil }
    switch rounding {
    case .down:
      // Whole windows inside the padded image.
      let starts = Swift.stride(from: 0, to: size + 2 * padding, by: stride).filter {
        $0 + kernel <= size + 2 * padding
      }
      return starts.isEmpty ? nil : starts.count
    case .up:
      // Windows until one reaches the end of the padded image; the last must start inside the image or left of it.
      var starts = [0]
      while let last = starts.last, last + kernel < size + 2 * padding, last + stride < size + padding {
        starts.append(last + stride)
      }
      return starts.count
    }
  }

  @Test func sizesAreTheNaiveCount() {
    for size in 1...14 {
      for kernel in 1...8 {
        for stride in 1...4 {
          for padding in 0...3 {
            for rounding in [Window.Rounding.down, .up] {
              let window = Window(
                input: FeatureShape(height: size, width: 14, channels: 1), kernel: (kernel, 1),
                stride: (stride, 1), padding: (padding, 0), rounding: rounding)
              let expected = Self.count(size, kernel, stride, padding, rounding)
              #expect(window?.outHeight == expected, "\(size), \(kernel), \(stride), \(padding), \(rounding)")
              guard let window else { continue }
              // Each window reads at least one pixel, so that a maximum exists.
              for position in 0..<window.outPixels {
                #expect(window.pixels(at: position).contains { $0 != nil })
              }
            }
          }
        }
      }
    }
  }

  @Test func impossibleSizesAreNil() {
    let image = FeatureShape(height: 4, width: 4, channels: 1)
    func window(_ kernel: Int, _ stride: Int, _ padding: Int) -> Window? {
      Window(
        input: image, kernel: (kernel, 1), stride: (1, stride), padding: (0, padding), rounding: .up)
    }
    #expect(window(1, 1, 0) != nil)
    for (kernel, stride, padding) in [
      (0, 1, 0), (-1, 1, 0), (1, 0, 0), (1, -3, 0), (1, 1, 1), (1, 1, -1), (.max, 1, 0), (1, .max, 0),
      (.min, .min, .min), (1, 1, .max), (1 << 30, 1, 0),
    ] {
      #expect(window(kernel, stride, padding) == nil, "\(kernel), \(stride), \(padding)")
    }
  }

  /// AlexNet's first pool by hand: 55 → 27 with 3/2; a 13 → 6; and 32 → 16, where the last window is incomplete.
  @Test func knownPools() {
    for (size, expected) in [(55, 27), (13, 6), (32, 16)] {
      let window = Window(
        input: FeatureShape(height: size, width: size, channels: 1), kernel: (3, 3), stride: (2, 2),
        padding: (0, 0), rounding: .up)
      #expect(window?.outHeight == expected && window?.outWidth == expected)
    }
  }
}

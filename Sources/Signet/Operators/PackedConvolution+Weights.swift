// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Weights in the places that were made for them: those of a network in training change with every step.
extension PackedConvolution {
  /// Words of a group's panel: blocks are arranged in pairs.
  static func panelWords(_ part: ConvolutionBlocks, _ window: Window, _ input: CodeLayout) -> Int {
    (part.blocks.count + 1) / 2 * 2 * window.taps * input.groupWords * Int(SK_LANES)
  }

  /// Words that ``arrange(_:planeWeights:scratch:)`` works in.
  package var scratchWords: Int {
    parts.reduce(0) { max($0, Self.panelWords($1, window, input) + window.taps * $1.lanes) }
  }

  /// Puts other weights in the place of those that were there; what ``levelTable(_:planes:)`` gave before is void then.
  ///
  /// `words` are as for the initialiser, and there are as many `planeWeights` as before; `scratch` has room for ``scratchWords``.
  package mutating func arrange(
    _ words: UnsafePointer<UInt32>, planeWeights: [Int32], scratch: UnsafeMutablePointer<UInt32>
  ) {
    precondition(planeWeights.count == self.planeWeights.count, "weights of another number of planes")
    self.planeWeights = planeWeights
    for index in parts.indices {
      let size = Self.panelWords(parts[index], window, input)
      let ones = UnsafeMutableRawPointer(scratch + size).assumingMemoryBound(to: Int32.self)
      spread(words, over: parts[index], to: scratch, size: size, ones: ones)
      kernels.arrange_panel(
        scratch, panels[index].pointer, (parts[index].blocks.count + 1) / 2 * 2,
        window.taps * input.groupWords)
      fillBase(index, ones: ones)
    }
  }

  /// A group's words, `[block][tap][word][lane]`, and how many bits each tap of each lane has.
  private func spread(
    _ words: UnsafePointer<UInt32>, over part: ConvolutionBlocks, to plain: UnsafeMutablePointer<UInt32>,
    size: Int, ones: UnsafeMutablePointer<Int32>
  ) {
    let (taps, perTap, lanes) = (window.taps, input.groupWords, part.lanes)
    plain.update(repeating: 0, count: size)
    ones.update(repeating: 0, count: taps * lanes)
    for (b, block) in part.blocks.enumerated() {
      for lane in 0..<Int(block.count) {
        let source = (Int(block.channel) + lane) * taps * perTap
        for tap in 0..<taps {
          for word in 0..<perTap {
            let bits = words[source + tap * perTap + word]
            plain[((b * taps + tap) * perTap + word) * Int(SK_LANES) + lane] = bits
            ones[tap * lanes + b * Int(SK_LANES) + lane] += Int32(bits.nonzeroBitCount)
          }
        }
      }
    }
  }

  /// What the sums of each border class and lane are taken off from.
  private func fillBase(_ index: Int, ones: UnsafePointer<Int32>) {
    let (base, lanes) = (bases[index].pointer, parts[index].lanes)
    let weightSum = planeWeights.reduce(0, +)
    var at = 0
    for y in rows.inside {
      for x in columns.inside {
        for lane in 0..<lanes {
          // Unipolar: K − 2s and the sum of the weights, 2·ones − K.
          var sum = isUnipolar ? 0 : Int32(y.count * x.count * input.groupChannels)
          for ky in 0..<window.kernelHeight {
            for kx in 0..<window.kernelWidth where isUnipolar || !(y.contains(ky) && x.contains(kx)) {
              sum += 2 * ones[(ky * window.kernelWidth + kx) * lanes + lane]
            }
          }
          base[at] = sum * weightSum
          at += 1
        }
      }
    }
  }
}

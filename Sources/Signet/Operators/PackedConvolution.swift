// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// A binary convolution laid out for the kernels: panels of weight bits, border corrections, output blocks.
///
/// `acc = Σ_m n_m (H_m ⊛ sign W)`, with planes `H_m` of ±1, integer plane weights `n_m`, and zero padding that contributes 0.
/// - Shapes: input `[N, H, W]` pixels of `planes × layout.words` words; output `[N, H', W']` pixels of `filters` channels.
package struct PackedConvolution: Sendable {
  package let window: Window
  package let filters: Int
  package let groups: Int
  package let input: CodeLayout
  package let planeWeights: [Int32]
  private let parts: [ConvolutionBlocks]
  private let panels: [AlignedBuffer<UInt32>]
  private let bases: [AlignedBuffer<Int32>]
  private let blockTables: [AlignedBuffer<sk_block>]
  private let rowClasses: [UInt16]
  private let columnClasses: [UInt16]
  private let zeros: AlignedBuffer<UInt32>

  /// What becomes of the accumulators.
  package enum Destination {
    /// `acc · unit`, `[pixel][filters]`.
    case reals(UnsafeMutablePointer<Float>, unit: Float)
    /// `[pixel][filters]`.
    case accumulators(UnsafeMutablePointer<Int32>)
    /// Residual codes in the layout that the blocks were made for.
    case codes(UnsafeMutablePointer<UInt32>, LevelTable)
    /// Level bits, to be pooled.
    case levels(UnsafeMutablePointer<UInt32>, LevelTable)
  }

  /// Level intervals spread over the lanes of each group.
  package struct LevelTable: Sendable {
    package let planes: Int
    package var levels: Int { 1 << planes - 1 }
    fileprivate let low: [AlignedBuffer<Int32>]
    fileprivate let width: [AlignedBuffer<UInt32>]
  }

  /// Lays weights out for the kernels.
  ///
  /// `words` are weight bits, `[filter][tap][input.groupWords]`, bits past the group's channels 0; `parts` are the output blocks
  /// of each group.
  package init(
    window: Window, filters: Int, groups: Int, planeWeights: [Int32], words: [UInt32],
    parts: [ConvolutionBlocks],
    inputChannels: Int
  ) {
    self.window = window
    self.filters = filters
    self.groups = groups
    self.planeWeights = planeWeights
    self.parts = parts
    input = CodeLayout(channels: inputChannels, groups: groups)
    zeros = AlignedBuffer(count: input.words * planeWeights.count)
    blockTables = parts.map { AlignedBuffer($0.blocks) }
    let rows = BorderClasses(
      size: window.inHeight, out: window.outHeight, kernel: window.kernelHeight,
      stride: window.strideHeight, pad: window.padTop)
    let columns = BorderClasses(
      size: window.inWidth, out: window.outWidth, kernel: window.kernelWidth,
      stride: window.strideWidth, pad: window.padLeft)
    rowClasses = rows.classOf
    columnClasses = columns.classOf
    let perTap = input.groupWords
    let weightSum = planeWeights.reduce(0, +)
    let groupChannels = Int32(input.groupChannels)
    var panels: [AlignedBuffer<UInt32>] = []
    var bases: [AlignedBuffer<Int32>] = []
    for part in parts {
      let panel = AlignedBuffer<UInt32>(count: part.blocks.count * window.taps * perTap * 16)
      var ones = [Int32](repeating: 0, count: window.taps * part.lanes)
      for (b, block) in part.blocks.enumerated() {
        for lane in 0..<Int(block.count) {
          let source = (Int(block.channel) + lane) * window.taps * perTap
          for tap in 0..<window.taps {
            for word in 0..<perTap {
              let bits = words[source + tap * perTap + word]
              panel.pointer[((b * window.taps + tap) * perTap + word) * 16 + lane] = bits
              ones[tap * part.lanes + b * 16 + lane] += Int32(bits.nonzeroBitCount)
            }
          }
        }
      }
      panels.append(panel)
      let base = AlignedBuffer<Int32>(count: rows.inside.count * columns.inside.count * part.lanes)
      var at = 0
      for y in rows.inside {
        for x in columns.inside {
          for lane in 0..<part.lanes {
            var sum = Int32(y.count * x.count) * groupChannels
            for ky in 0..<window.kernelHeight {
              for kx in 0..<window.kernelWidth where !(y.contains(ky) && x.contains(kx)) {
                sum += 2 * ones[(ky * window.kernelWidth + kx) * part.lanes + lane]
              }
            }
            base.pointer[at] = sum * weightSum
            at += 1
          }
        }
      }
      bases.append(base)
    }
    self.panels = panels
    self.bases = bases
  }

  /// The largest magnitude that an accumulator can have.
  package var bound: Int32 {
    Int32(window.taps * input.groupChannels) * planeWeights.reduce(0, +)
  }

  package func levelTable(_ intervals: LevelIntervals, planes: Int) -> LevelTable {
    LevelTable(
      planes: planes,
      low: parts.map { part in
        AlignedBuffer(intervals.low.flatMap { part.spread($0, filler: 0) })
      },
      width: parts.map { part in
        AlignedBuffer(
          zip(intervals.low, intervals.high).flatMap { low, high in
            part.spread(zip(low, high).map { UInt32(bitPattern: $1 &- $0) }, filler: 0)
          })
      })
  }

  /// Convolves `images` images.
  package func run(
    _ codes: UnsafePointer<UInt32>, images: Int, to destination: Destination, on crew: Crew
  ) {
    // The panels must outlive the kernels' use of their pointers.
    defer { withExtendedLifetime(self) {} }
    for group in 0..<groups {
      blockTables[group].pointer.withMemoryRebound(to: sk_block.self, capacity: parts[group].blocks.count) {
        blocks in
        planeWeights.withUnsafeBufferPointer { weights in
          rowClasses.withUnsafeBufferPointer { rowClasses in
            columnClasses.withUnsafeBufferPointer { columnClasses in
              guard let weights = weights.baseAddress, let rowClass = rowClasses.baseAddress,
                let columnClass = columnClasses.baseAddress
              else { return }
              let call = sk_binary_convolution(
                window: window.cValue, input: codes + group * input.groupWords, zeros: zeros.pointer,
                pixel_words: UInt32(input.words * planeWeights.count), plane_words: UInt32(input.words),
                words: UInt32(input.groupWords), planes: UInt32(planeWeights.count), plane_weights: weights,
                panel: panels[group].pointer, blocks: blocks, block_count: UInt32(parts[group].blocks.count),
                base: bases[group].pointer, row_class: rowClass, column_class: columnClass,
                column_classes: UInt32((columnClasses.max() ?? 0) + 1),
                output: output(destination, group: group))
              withUnsafePointer(to: call) { call in
                crew.pool.runRanges(images * window.outPixels, grain: 48) { range, worker in
                  crew.kernels.binary_convolution(
                    call, range.lowerBound, range.upperBound,
                    crew.scratch(worker, pointers: window.taps * Int(SK_MAX_ROWS)))
                }
              }
            }
          }
        }
      }
    }
  }

  private func output(_ destination: Destination, group: Int) -> sk_output {
    let halves = UInt32(parts[group].halves)
    switch destination {
    case .reals(let pointer, let unit):
      return sk_output(
        kind: .reals, planes: 1, pixel_stride: UInt32(filters), plane_stride: 0, unit: unit, data: pointer,
        low: nil, width: nil)
    case .accumulators(let pointer):
      return sk_output(
        kind: .accumulators, planes: 1, pixel_stride: UInt32(filters), plane_stride: 0, unit: 1,
        data: pointer,
        low: nil, width: nil)
    case .codes(let pointer, let table):
      return sk_output(
        kind: .codes, planes: UInt32(table.planes), pixel_stride: halves * UInt32(table.planes),
        plane_stride: halves, unit: 1, data: pointer, low: table.low[group].pointer,
        width: table.width[group].pointer)
    case .levels(let pointer, let table):
      return sk_output(
        kind: .levels, planes: UInt32(table.planes), pixel_stride: halves * UInt32(table.levels),
        plane_stride: halves, unit: 1, data: pointer, low: table.low[group].pointer,
        width: table.width[group].pointer)
    }
  }
}

/// Output positions along one axis that see the same taps inside the image.
struct BorderClasses {
  /// The class of each output position.
  var classOf: [UInt16] = []
  /// The taps inside the image, for each class.
  var inside: [Range<Int>] = []

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

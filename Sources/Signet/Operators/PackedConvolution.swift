// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// A binary convolution laid out for the kernels: panels of weight bits, border corrections, output blocks.
///
/// `acc = Σ_m n_m (H_m ⊛ sign W)`, with planes `H_m` of ±1, integer plane weights `n_m`, and zero padding that contributes 0.
/// Unipolar activations count from their lowest level, `acc = Σ_m n_m ((H_m + 1) ⊛ sign W)`: padding is that level, so that it
/// contributes 0 where it is read as planes of −1, and all positions share one constant a filter, `Σ n_m · Σ sign W`.
/// - Shapes: input `[N, H, W]` pixels of `planes × layout.words` words; output `[N, H', W']` pixels of `filters` channels.
package struct PackedConvolution: Sendable {
  package let window: Window
  package let filters: Int
  package let groups: Int
  package let input: CodeLayout
  /// Those of the weights that were arranged last; as many as planes.
  package internal(set) var planeWeights: [Int32]
  package let isUnipolar: Bool
  let parts: [ConvolutionBlocks]
  let panels: [AlignedBuffer<UInt32>]
  let bases: [AlignedBuffer<Int32>]
  private let blockTables: [AlignedBuffer<sk_block>]
  let rows: BorderClasses
  let columns: BorderClasses
  private let zeros: AlignedBuffer<UInt32>
  let kernels: sk_kernels

  /// What becomes of the accumulators.
  package enum Destination {
    /// `acc · unit`, `[pixel][filters]`.
    case reals(UnsafeMutablePointer<Float>, unit: Float)
    /// `[pixel][filters]`.
    case accumulators(UnsafeMutablePointer<Int32>)
    /// `[pixel][filters]`, where ``bound`` is at most 32767.
    case shorts(UnsafeMutablePointer<Int16>)
    /// Residual codes in the layout that the blocks were made for.
    case codes(UnsafeMutablePointer<UInt32>, LevelTable)
    /// Level bits, to be pooled.
    case levels(UnsafeMutablePointer<UInt32>, LevelTable)
  }

  /// Level intervals spread over the lanes of each group.
  package struct LevelTable: Sendable {
    package let planes: Int
    package var levels: Int { 1 << planes - 1 }
    /// `[border class][level][lane]` for each group, on sums of popcounts.
    fileprivate let start: [AlignedBuffer<UInt32>]
    fileprivate let width: [AlignedBuffer<UInt32>]
    /// Both in 16 bits, where the kernels want them and the sums allow it.
    fileprivate let shorts: [AlignedBuffer<UInt16>]?
  }

  /// Lays weights out for the kernels.
  ///
  /// `words` are weight bits, `[filter][tap][input.groupWords]`, bits past the group's channels 0; `parts` are the output blocks
  /// of each group; `kernels` are those that will run it, since each instruction set has a panel of its own.
  package init(
    window: Window, filters: Int, groups: Int, planeWeights: [Int32], words: [UInt32],
    parts: [ConvolutionBlocks],
    inputChannels: Int, isUnipolar: Bool = false, kernels: sk_kernels
  ) {
    self.init(
      window: window, filters: filters, groups: groups, planes: planeWeights.count, parts: parts,
      inputChannels: inputChannels, isUnipolar: isUnipolar, kernels: kernels)
    let scratch = AlignedBuffer<UInt32>(count: scratchWords)
    words.withUnsafeBufferPointer { words in
      if let words = words.baseAddress {
        arrange(words, planeWeights: planeWeights, scratch: scratch.pointer)
      }
    }
    withExtendedLifetime(scratch) {}
  }

  /// Room for weights of `planes` planes, which ``arrange(_:planeWeights:scratch:)`` is to fill before the first run.
  package init(
    window: Window, filters: Int, groups: Int, planes: Int, parts: [ConvolutionBlocks], inputChannels: Int,
    isUnipolar: Bool = false, kernels: sk_kernels
  ) {
    self.window = window
    self.filters = filters
    self.groups = groups
    self.isUnipolar = isUnipolar
    self.parts = parts
    self.kernels = kernels
    planeWeights = Array(repeating: 0, count: planes)
    let input = CodeLayout(channels: inputChannels, groups: groups)
    self.input = input
    zeros = AlignedBuffer(count: window.kernelWidth * input.words * planes)
    blockTables = parts.map { AlignedBuffer($0.blocks) }
    let rows =
      isUnipolar
      ? BorderClasses(withoutBorder: window.outHeight, kernel: window.kernelHeight)
      : BorderClasses(
        size: window.inHeight, out: window.outHeight, kernel: window.kernelHeight,
        stride: window.strideHeight, pad: window.padTop)
    let columns =
      isUnipolar
      ? BorderClasses(withoutBorder: window.outWidth, kernel: window.kernelWidth)
      : BorderClasses(
        size: window.inWidth, out: window.outWidth, kernel: window.kernelWidth,
        stride: window.strideWidth, pad: window.padLeft)
    (self.rows, self.columns) = (rows, columns)
    panels = parts.map { AlignedBuffer(count: Self.panelWords($0, window, input)) }
    bases = parts.map { AlignedBuffer(count: rows.inside.count * columns.inside.count * $0.lanes) }
  }

  /// The instruction set whose kernels it is laid out for.
  package var isa: sk_isa { kernels.isa }

  /// The largest magnitude that an accumulator can have.
  package var bound: Int32 {
    Int32(window.taps * input.groupChannels) * planeWeights.reduce(0, +) * (isUnipolar ? 2 : 1)
  }

  /// Intervals of accumulators as intervals of popcounts: `acc = base − 2s`, so each border class has its own.
  package func levelTable(_ intervals: LevelIntervals, planes: Int) -> LevelTable {
    var start: [AlignedBuffer<UInt32>] = []
    var width: [AlignedBuffer<UInt32>] = []
    for (part, base) in zip(parts, bases) {
      let classes = part.lanes == 0 ? 0 : base.count / part.lanes
      let starts = AlignedBuffer<UInt32>(count: base.count * intervals.low.count)
      let widths = AlignedBuffer<UInt32>(count: starts.count)
      for border in 0..<classes {
        for level in intervals.low.indices {
          let row = (border * intervals.low.count + level) * part.lanes
          for (b, block) in part.blocks.enumerated() {
            for lane in 0..<Int(block.count) {
              let channel = Int(block.channel) + lane
              (starts.pointer[row + b * 16 + lane], widths.pointer[row + b * 16 + lane]) = Self.popcounts(
                low: intervals.low[level][channel], high: intervals.high[level][channel],
                base: base.pointer[border * part.lanes + b * 16 + lane])
            }
          }
        }
      }
      start.append(starts)
      width.append(widths)
    }
    return LevelTable(
      planes: planes, start: start, width: width, shorts: shorts(start, width, planes: planes))
  }

  /// Intervals of one plane in 16 bits; a sum, its start and its width must stay apart modulo 2¹⁶.
  private func shorts(
    _ start: [AlignedBuffer<UInt32>], _ width: [AlignedBuffer<UInt32>], planes: Int
  ) -> [AlignedBuffer<UInt16>]? {
    guard let arrange = kernels.arrange_shorts, planes == 1, planeWeights.count == 1, bound < 16384,
      parts.allSatisfy(\.areWholeWords)
    else { return nil }
    return zip(start, width).map { start, width in
      let shorts = AlignedBuffer<UInt16>(count: start.count * 2)
      arrange(start.pointer, width.pointer, shorts.pointer, start.count / 32)
      return shorts
    }
  }

  /// The sums s for which `low ≤ base − 2s < high`, cyclic, as `UInt32(s + start) < width`.
  private static func popcounts(low: Int32, high: Int32, base: Int32) -> (start: UInt32, width: UInt32) {
    let first = (Int64(base) - Int64(high)) >> 1 + 1
    let last = (Int64(base) - Int64(low)) >> 1
    // Two numbers of one parity may leave no integer between them: then no sum is left out.
    if low > high, first == last + 1 { return (0, .max) }
    return (UInt32(truncatingIfNeeded: -first), UInt32(truncatingIfNeeded: last - first + 1))
  }

  /// Convolves `images` images.
  package func run(
    _ codes: UnsafePointer<UInt32>, images: Int, to destination: Destination, on crew: Crew
  ) {
    // The panels and the table must outlive the kernels' use of their pointers.
    defer { withExtendedLifetime((self, destination)) {} }
    for group in 0..<groups {
      blockTables[group].pointer.withMemoryRebound(to: sk_block.self, capacity: parts[group].blocks.count) {
        blocks in
        planeWeights.withUnsafeBufferPointer { weights in
          rows.classOf.withUnsafeBufferPointer { rowClasses in
            columns.classOf.withUnsafeBufferPointer { columnClasses in
              guard let weights = weights.baseAddress, let rowClass = rowClasses.baseAddress,
                let columnClass = columnClasses.baseAddress
              else { return }
              let call = sk_binary_convolution(
                window: window.cValue, input: codes + group * input.groupWords, zeros: zeros.pointer,
                pixel_words: UInt32(input.words * planeWeights.count), plane_words: UInt32(input.words),
                words: UInt32(input.groupWords), planes: UInt32(planeWeights.count), plane_weights: weights,
                panel: panels[group].pointer, stream: window.taps * input.groupWords * 16, blocks: blocks,
                block_count: UInt32(parts[group].blocks.count),
                base: bases[group].pointer, row_class: rowClass, column_class: columnClass,
                column_classes: UInt32(columns.inside.count),
                output: output(destination, group: group))
              withUnsafePointer(to: call) { call in
                crew.runTiles(pixels: images * window.outPixels, blocks: parts[group].blocks.count) {
                  pixels, blocks, worker in
                  crew.kernels.binary_convolution(
                    call, pixels.lowerBound, pixels.upperBound, blocks.lowerBound, blocks.upperBound,
                    crew.scratch(worker, taps: window.taps))
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
        start: nil, width: nil, shorts: nil)
    case .accumulators(let pointer):
      return sk_output(
        kind: .accumulators, planes: 1, pixel_stride: UInt32(filters), plane_stride: 0, unit: 1,
        data: pointer, start: nil, width: nil, shorts: nil)
    case .shorts(let pointer):
      return sk_output(
        kind: .shorts, planes: 1, pixel_stride: UInt32(filters), plane_stride: 0, unit: 1,
        data: pointer, start: nil, width: nil, shorts: nil)
    case .codes(let pointer, let table):
      return sk_output(
        kind: .codes, planes: UInt32(table.planes), pixel_stride: halves * UInt32(table.planes),
        plane_stride: halves, unit: 1, data: pointer, start: table.start[group].pointer,
        width: table.width[group].pointer,
        shorts: table.shorts?[group].pointer)
    case .levels(let pointer, let table):
      return sk_output(
        kind: .levels, planes: UInt32(table.planes), pixel_stride: halves * UInt32(table.levels),
        plane_stride: halves, unit: 1, data: pointer, start: table.start[group].pointer,
        width: table.width[group].pointer,
        shorts: table.shorts?[group].pointer)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// A convolution of bytes laid out for the kernels: panels of 8-bit weights, sums that take the zero byte back.
///
/// `acc = Σ q·(p − z)`, computed as `Σ q·p − Σ q·z` over a padded image, whose border is z.
/// - Shapes: input as in ``PixelInput``, weights `[filters, kh, kw, C/groups]`, output `[N, H', W', filters]`.
package struct PixelConvolution: Sendable {
  package let input: PixelInput
  package let window: Window
  package let filters: Int
  private let part: ConvolutionBlocks
  private let quads: Int
  private let panel: AlignedBuffer<Int8>
  private let base: AlignedBuffer<Int32>
  private let weightSums: AlignedBuffer<Int32>

  /// What becomes of the accumulators.
  package enum Destination {
    /// `[pixel][filters]`.
    case accumulators(UnsafeMutablePointer<Int32>)
    /// `[pixel][filters]`.
    case reals(UnsafeMutablePointer<Float>, RealTable)
    /// Residual codes in the layout that the blocks were made for.
    case codes(UnsafeMutablePointer<UInt32>, LevelTable)
    /// Level bits, to be pooled.
    case levels(UnsafeMutablePointer<UInt32>, LevelTable)
  }

  /// `v = fma(acc, scale, shift)`, and `v ≥ 0 ? v : slope·v`, spread over the lanes.
  package struct RealTable: Sendable {
    fileprivate let scale: AlignedBuffer<Float>
    fileprivate let shift: AlignedBuffer<Float>
    fileprivate let slope: AlignedBuffer<Float>?
  }

  /// Level intervals, spread over the lanes.
  package struct LevelTable: Sendable {
    package let planes: Int
    package var levels: Int { 1 << planes - 1 }
    fileprivate let start: AlignedBuffer<UInt32>
    fileprivate let width: AlignedBuffer<UInt32>
  }

  /// Lays weights out for the kernels; `part` has the output blocks of all filters.
  package init(
    window: Window, groups: Int, weights: [Int8], filters: Int, input: PixelInput, part: ConvolutionBlocks
  ) {
    self.window = window
    self.input = input
    self.filters = filters
    self.part = part
    let channels = input.image.channels
    let own = channels / groups
    quads = (window.kernelWidth * channels + 3) / 4
    panel = AlignedBuffer(count: part.blocks.count * window.kernelHeight * quads * 64)
    base = AlignedBuffer(count: part.lanes)
    weightSums = AlignedBuffer(count: part.lanes)
    for (b, block) in part.blocks.enumerated() {
      for lane in 0..<Int(block.count) {
        let filter = Int(block.channel) + lane
        // A filter sees its group's channels; the others have weights of 0.
        let first = filter / (filters / groups) * own
        for tap in 0..<window.taps {
          let (ky, kx) = tap.quotientAndRemainder(dividingBy: window.kernelWidth)
          for c in 0..<own {
            let weight = weights[(filter * window.taps + tap) * own + c]
            let at = kx * channels + first + c
            panel.pointer[
              ((b * window.kernelHeight + ky) * quads + at / 4) * 64 + lane * 4 + at % 4] = weight
            base.pointer[b * 16 + lane] -= Int32(weight) * Int32(input.zero[first + c])
            weightSums.pointer[b * 16 + lane] += Int32(weight)
          }
        }
      }
    }
  }

  package func realTable(scale: [Float], shift: [Float], slope: [Float]?) -> RealTable {
    RealTable(
      scale: AlignedBuffer(part.spread(scale, filler: 0)),
      shift: AlignedBuffer(part.spread(shift, filler: 0)),
      slope: slope.map { AlignedBuffer(part.spread($0, filler: 0)) })
  }

  package func levelTable(_ intervals: LevelIntervals, planes: Int) -> LevelTable {
    LevelTable(
      planes: planes,
      // The kernels compare Σ q·p, before base is added.
      start: AlignedBuffer(
        intervals.low.flatMap { low in
          zip(base.elements, part.spread(low, filler: 0)).map { UInt32(bitPattern: $0 &- $1) }
        }),
      width: AlignedBuffer(
        zip(intervals.low, intervals.high).flatMap { low, high in
          part.spread(zip(low, high).map { UInt32(bitPattern: $1 &- $0) }, filler: 0)
        }))
  }

  /// Convolves `images` images that ``PixelInput`` laid out.
  package func run(
    _ pixels: UnsafePointer<UInt8>, images: Int, to destination: Destination, on crew: Crew
  ) {
    // The panels and the table must outlive the kernels' use of their pointers.
    defer { withExtendedLifetime((self, destination)) {} }
    var padded = window.cValue
    (padded.in_height, padded.in_width) = (Int32(input.rows), Int32(input.rowBytes / input.image.channels))
    (padded.pad_top, padded.pad_left) = (0, 0)
    part.blocks.withUnsafeBufferPointer { blocks in
      guard let blockTable = blocks.baseAddress else { return }
      let table: RealTable? = if case .reals(_, let table) = destination { table } else { nil }
      let call = sk_pixel_convolution(
        window: padded, input: pixels, row_bytes: UInt32(input.rowBytes),
        channels: UInt32(input.image.channels), quads: UInt32(quads), panel: panel.pointer,
        blocks: blockTable,
        block_count: UInt32(blocks.count), base: base.pointer, weight_sums: weightSums.pointer,
        scale: table.map { UnsafePointer($0.scale.pointer) },
        shift: table.map { UnsafePointer($0.shift.pointer) },
        slope: table?.slope.map { UnsafePointer($0.pointer) }, output: output(destination))
      withUnsafePointer(to: call) { call in
        crew.runTiles(pixels: images * window.outPixels, blocks: blocks.count) { pixels, blocks, _ in
          crew.kernels.pixel_convolution(
            call, pixels.lowerBound, pixels.upperBound, blocks.lowerBound, blocks.upperBound)
        }
      }
    }
  }

  private func output(_ destination: Destination) -> sk_output {
    let halves = UInt32(part.halves)
    switch destination {
    case .accumulators(let pointer):
      return sk_output(
        kind: .accumulators, planes: 1, pixel_stride: UInt32(filters), plane_stride: 0, unit: 1,
        data: pointer, start: nil, width: nil, shorts: nil)
    case .reals(let pointer, _):
      return sk_output(
        kind: .reals, planes: 1, pixel_stride: UInt32(filters), plane_stride: 0, unit: 1, data: pointer,
        start: nil, width: nil, shorts: nil)
    case .codes(let pointer, let table):
      return sk_output(
        kind: .codes, planes: UInt32(table.planes), pixel_stride: halves * UInt32(table.planes),
        plane_stride: halves, unit: 1, data: pointer, start: table.start.pointer, width: table.width.pointer,
        shorts: nil)
    case .levels(let pointer, let table):
      return sk_output(
        kind: .levels, planes: UInt32(table.planes), pixel_stride: halves * UInt32(table.levels),
        plane_stride: halves, unit: 1, data: pointer, start: table.start.pointer, width: table.width.pointer,
        shorts: nil)
    }
  }
}

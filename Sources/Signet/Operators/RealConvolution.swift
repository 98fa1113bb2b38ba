// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// A convolution of reals laid out for the kernels, with bias and an optional PReLU.
///
/// `v = b_c + Σ x·w` by fused multiply-adds in tap, then channel order; `y = v ≥ 0 ? v : s_c·v`.
/// - Shapes: input `[N, H, W, C]`, weights `[filters, kh, kw, C/groups]`, output `[N, H', W', filters]`.
package struct RealConvolution: Sendable {
  package let window: Window
  package let filters: Int
  package let groups: Int
  package let inputChannels: Int
  private let parts: [ConvolutionBlocks]
  private let panels: [AlignedBuffer<Float>]
  private let biases: [AlignedBuffer<Float>]
  private let slopes: [AlignedBuffer<Float>]?
  private let zeros: AlignedBuffer<Float>
  private let codes: Codes?

  /// What turns the results into bits, spread over the lanes of each group.
  private struct Codes {
    let layout: CodeLayout
    let scale: [AlignedBuffer<Float>]
    let shift: [AlignedBuffer<Float>]
    let betas: AlignedBuffer<Float>
  }

  package init(
    window: Window, filters: Int, groups: Int, inputChannels: Int, weights: UnsafePointer<Float>,
    bias: [Float],
    slope: [Float]?, encoder: BitEncoder? = nil
  ) {
    self.window = window
    self.filters = filters
    self.groups = groups
    self.inputChannels = inputChannels
    let depth = window.taps * (inputChannels / groups)
    // Bits in another layout than the reader's are left to a pass of their own; see ``writesCodes``.
    let packed = encoder.flatMap {
      ConvolutionBlocks.packed(filters: filters, groups: groups, layout: $0.layout)
    }
    let parts = packed ?? ConvolutionBlocks.plain(filters: filters, groups: groups)
    self.parts = parts
    codes =
      packed == nil
      ? nil
      : encoder.map { encoder in
        Codes(
          layout: encoder.layout, scale: parts.map { AlignedBuffer($0.spread(encoder.scale, filler: 0)) },
          shift: parts.map { AlignedBuffer($0.spread(encoder.shift, filler: 0)) },
          betas: AlignedBuffer(encoder.betas))
      }
    zeros = AlignedBuffer(count: window.kernelWidth * inputChannels)
    panels = parts.map { AlignedBuffer(count: $0.blocks.count * depth * 16) }
    biases = parts.map { AlignedBuffer($0.spread(bias, filler: 0)) }
    slopes = slope.map { slope in parts.map { AlignedBuffer($0.spread(slope, filler: 0)) } }
    arrange(weights)
  }

  /// Room for weights and biases, which ``arrange(_:bias:)`` is to fill before the first run.
  package init(window: Window, filters: Int, groups: Int, inputChannels: Int) {
    self.window = window
    self.filters = filters
    self.groups = groups
    self.inputChannels = inputChannels
    let parts = ConvolutionBlocks.plain(filters: filters, groups: groups)
    let depth = window.taps * (inputChannels / groups)
    self.parts = parts
    (codes, slopes) = (nil, nil)
    zeros = AlignedBuffer(count: window.kernelWidth * inputChannels)
    panels = parts.map { AlignedBuffer(count: $0.blocks.count * depth * 16) }
    biases = parts.map { AlignedBuffer(count: $0.lanes) }
  }

  /// Puts other weights, and biases if there are any, in the place of those that were there.
  package func arrange(_ weights: UnsafePointer<Float>, bias: UnsafePointer<Float>? = nil) {
    let depth = window.taps * (inputChannels / groups)
    for (index, part) in parts.enumerated() {
      let (panel, biases) = (panels[index].pointer, biases[index].pointer)
      for (b, block) in part.blocks.enumerated() {
        for lane in 0..<Int(block.count) {
          let filter = Int(block.channel) + lane
          let (row, to) = (weights + filter * depth, panel + b * depth * 16 + lane)
          for k in 0..<depth { to[k * 16] = row[k] }
          if let bias { biases[b * 16 + lane] = bias[filter] }
        }
      }
    }
  }

  /// Whether the results are bits: an encoder was given, and its layout fits the groups.
  package var writesCodes: Bool { codes != nil }

  /// Writes reals, or bits if it ``writesCodes``.
  package func run(
    _ reals: UnsafePointer<Float>, images: Int, to output: UnsafeMutableRawPointer, on crew: Crew
  ) {
    // The panels must outlive the kernels' use of their pointers.
    defer { withExtendedLifetime(self) {} }
    for group in 0..<groups {
      parts[group].blocks.withUnsafeBufferPointer { blocks in
        guard let blockTable = blocks.baseAddress else { return }
        let channels = inputChannels / groups
        let halves = codes.map { UInt32($0.layout.words * 2) } ?? 0
        let encoding = codes.map {
          sk_codes(
            scale: $0.scale[group].pointer, shift: $0.shift[group].pointer, betas: $0.betas.pointer,
            planes: UInt32($0.betas.count), pixel_stride: halves * UInt32($0.betas.count),
            plane_stride: halves, output: output.assumingMemoryBound(to: UInt16.self))
        }
        var call = sk_float_convolution(
          window: window.cValue, input: reals + group * channels, zeros: zeros.pointer,
          pixel_stride: UInt32(inputChannels), channels: UInt32(channels), panel: panels[group].pointer,
          stream: window.taps * channels * 16, blocks: blockTable, block_count: UInt32(blocks.count),
          bias: biases[group].pointer, slope: slopes?[group].pointer,
          output: encoding == nil ? output.assumingMemoryBound(to: Float.self) : nil,
          output_stride: UInt32(filters), codes: nil)
        if let encoding {
          withUnsafePointer(to: encoding) { encoding in
            call.codes = encoding
            run(call, pixels: images * window.outPixels, blocks: blocks.count, on: crew)
          }
        } else {
          run(call, pixels: images * window.outPixels, blocks: blocks.count, on: crew)
        }
      }
    }
  }

  private func run(_ call: sk_float_convolution, pixels: Int, blocks: Int, on crew: Crew) {
    withUnsafePointer(to: call) { call in
      crew.runTiles(pixels: pixels, blocks: blocks) { pixels, blocks, worker in
        crew.kernels.float_convolution(
          call, pixels.lowerBound, pixels.upperBound, blocks.lowerBound, blocks.upperBound,
          crew.scratch(worker, taps: window.taps))
      }
    }
  }
}

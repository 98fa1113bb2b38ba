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

  package init(
    window: Window, filters: Int, groups: Int, inputChannels: Int, weights: UnsafePointer<Float>,
    bias: [Float],
    slope: [Float]?
  ) {
    self.window = window
    self.filters = filters
    self.groups = groups
    self.inputChannels = inputChannels
    let channels = inputChannels / groups
    let depth = window.taps * channels
    let parts = ConvolutionBlocks.plain(filters: filters, groups: groups)
    self.parts = parts
    zeros = AlignedBuffer(count: window.kernelWidth * inputChannels)
    panels = parts.map { part in
      let panel = AlignedBuffer<Float>(count: part.blocks.count * depth * 16)
      for (b, block) in part.blocks.enumerated() {
        for lane in 0..<Int(block.count) {
          let row = weights + (Int(block.channel) + lane) * depth
          let to = panel.pointer + b * depth * 16 + lane
          for k in 0..<depth { to[k * 16] = row[k] }
        }
      }
      return panel
    }
    biases = parts.map { AlignedBuffer($0.spread(bias, filler: 0)) }
    slopes = slope.map { slope in parts.map { AlignedBuffer($0.spread(slope, filler: 0)) } }
  }

  package func run(
    _ reals: UnsafePointer<Float>, images: Int, to output: UnsafeMutablePointer<Float>, on crew: Crew
  ) {
    // The panels must outlive the kernels' use of their pointers.
    defer { withExtendedLifetime(self) {} }
    for group in 0..<groups {
      parts[group].blocks.withUnsafeBufferPointer { blocks in
        guard let blockTable = blocks.baseAddress else { return }
        let channels = inputChannels / groups
        let call = sk_float_convolution(
          window: window.cValue, input: reals + group * channels, zeros: zeros.pointer,
          pixel_stride: UInt32(inputChannels), channels: UInt32(channels), panel: panels[group].pointer,
          stream: window.taps * channels * 16, blocks: blockTable, block_count: UInt32(blocks.count),
          bias: biases[group].pointer,
          slope: slopes?[group].pointer, output: output, output_stride: UInt32(filters))
        withUnsafePointer(to: call) { call in
          crew.runTiles(pixels: images * window.outPixels, blocks: blocks.count) { pixels, blocks, worker in
            crew.kernels.float_convolution(
              call, pixels.lowerBound, pixels.upperBound, blocks.lowerBound, blocks.upperBound,
              crew.scratch(worker, taps: window.taps))
          }
        }
      }
    }
  }
}

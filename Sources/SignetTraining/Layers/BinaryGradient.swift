// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet

/// The two products of a binary convolution's backward pass; in both, one operand is bits.
///
/// With the binarized input `ẑ` and `dY [rows, filters]`: `dW[f, t, c] = Σ_rows dY·ẑ`, and
/// `dẑ[p, c] = Σ_{t, f} dY·sign(W)`, zero where the mask has no bit. Bits become ±1 operands panel by panel, and are never kept.
/// - In 8 bits `dY` is rounded at random, by row for `dẑ` and by filter for `dW`: each product's scale leaves its sum.
/// - Every sum runs in one order, whatever the threads.
struct BinaryGradient {
  private let window: Window
  private let input: FeatureShape
  private let rows: Int
  private let pixels: Int
  private let filters: Int
  private let layout: CodeLayout
  private var parts: [PackedGradient]
  private let levels: [Float]
  private let planes: Int
  private let quantum: Float
  private let offset: Int32
  private let codes: Memory
  private let mask: Memory
  private let signs: Memory
  private let zeros: Memory
  /// Room for each thread.
  private let scratch: Memory
  private let scratchBytes: Int
  /// What each group's kernel looks its weights up in, if it does.
  private var panels: [Memory?] = []

  /// Packs the gradient in the context's precision.
  init(
    window: Window, groups: Int, input: FeatureShape, filters: Int, layout: CodeLayout,
    levels: ResidualBinarizer.Levels, codes: Memory, mask: Memory, signs: Memory, gradient: Gradient,
    on context: ComputeContext
  ) {
    self.window = window
    self.input = input
    self.layout = layout
    (self.codes, self.mask, self.signs) = (codes, mask, signs)
    let dy = context.precision == .bfloat16 ? context.rounded(gradient.tensor) : gradient.tensor
    rows = dy.rows
    pixels = dy.images * input.pixels
    self.filters = filters / groups
    planes = levels.weights.count
    self.levels = levels.values
    // A sum of levels is at most 63 steps of 8-bit operands; one plane is ±1 step, k bits are 2^k − 1 of them.
    let largest = levels.isUnipolar ? 1 : levels.betas.reduce(0, +)
    offset = levels.isUnipolar ? Int32(1 << planes - 1) : planes == 1 ? 1 : 63
    quantum = largest / Float(offset)
    let own = self.filters
    parts = (0..<groups).map { group in
      PackedGradient(
        dy, firstFilter: group * own, filters: own, key: gradient.key &+ UInt64(group),
        maxima: groups == 1 ? gradient.maxima : nil, on: context)
    }
    zeros = context.memory.take(bytes: (own + 4) * 4)
    zeros.bytes.update(repeating: 0, count: (own + 4) * 4)
    scratchBytes = context.scratchBytes(filters: own, channels: layout.groupChannels, taps: window.taps)
    scratch = context.memory.take(bytes: scratchBytes * context.crew.pool.threads)
  }

  /// `dW`, `[filters, taps, C/groups]`, overwritten; to be asked for once, and first.
  mutating func weightGradient(into target: UnsafeMutablePointer<Float>, on context: ComputeContext) {
    let product = context.gradients.pointee.product(context.precision)
    let channels = layout.groupChannels
    let columns = window.taps * ((channels + 15) / 16)
    for (group, part) in parts.enumerated() {
      guard let packed = part.packed else { preconditionFailure("the weights' gradient was given away") }
      levels.withUnsafeBufferPointer { levels in
        guard let levels = levels.baseAddress else { return }
        let call = sk_weight_gradient(
          window: window.cValue, images: nil, bits: codes.words + group * layout.groupWords,
          pixel_words: UInt32(layout.words * planes), plane_words: UInt32(layout.words),
          planes: UInt32(planes), channels: UInt32(channels), levels: levels, quantum: quantum,
          offset: offset, dy: packed.words, rows: rows, filters: UInt32(filters),
          scales: part.bytes.map { UnsafePointer($0.scales.pointer) },
          sums: part.bytes.map { UnsafePointer($0.sums.pointer) },
          dw: target + group * filters * window.taps * channels)
        withUnsafePointer(to: call) { call in
          let counts = product.weight_columns(call)
          let tasks = WeightGradientTasks(
            columns: columns, filters: filters, threads: context.crew.pool.threads, width: counts.usual,
            fewest: counts.fewest)
          tasks.run(on: context) { columns, tiles, worker in
            product.weight_gradient(
              call, columns.lowerBound, columns.upperBound, tiles.lowerBound, tiles.upperBound,
              scratch.raw + worker * scratchBytes)
          }
        }
      }
    }
    withExtendedLifetime(self) {}
    // Its memory is the input gradient's next.
    for group in parts.indices { parts[group].releasePacked() }
  }

  /// Arranges the weights for the kernels of `inputGradient`; to be asked for once, before that.
  mutating func prepareInputGradient(on context: ComputeContext) {
    let product = context.gradients.pointee.product(context.precision)
    guard let size = product.input_panel_bytes, let arrange = product.input_panel else { return }
    panels = parts.indices.map { group in
      var call = inputCall(group)
      let bytes = size(&call)
      guard bytes > 0 else { return nil }
      let panel = context.memory.take(bytes: bytes)
      withUnsafePointer(to: call) { call in
        context.crew.pool.runRanges(window.taps, grain: 1) { taps, _ in
          arrange(call, taps.lowerBound, taps.upperBound, panel.raw)
        }
      }
      return panel
    }
    withExtendedLifetime(self) {}
  }

  /// `dz` of some input pixels, `[pixel, channels]`, overwritten.
  func inputGradient(
    _ range: Range<Int>, into target: Tensor, worker: Int, on context: ComputeContext
  ) {
    let kernel = context.gradients.pointee.product(context.precision).input_gradient
    for group in parts.indices {
      var call = inputCall(group)
      call.kind = target.element.kernel
      call.dx = target.raw + group * layout.groupChannels * target.element.bytes
      kernel(&call, range.lowerBound, range.upperBound, scratch.raw + worker * scratchBytes)
    }
    withExtendedLifetime(self) {}
  }

  /// All but where the result goes.
  private func inputCall(_ group: Int) -> sk_input_gradient {
    let part = parts[group]
    return sk_input_gradient(
      window: window.cValue, dy: part.rows, row_bytes: part.rowBytes, zeros: zeros.raw,
      scales: part.bytes.map { UnsafePointer($0.rowScales.floats) },
      sums: part.bytes.map { UnsafeRawPointer($0.rowSums.raw).assumingMemoryBound(to: Int32.self) },
      weights: signs.words + group * filters * window.taps * layout.groupWords,
      words: UInt32(layout.groupWords),
      panel: panels.isEmpty ? nil : panels[group].map { UnsafeRawPointer($0.raw) },
      channels: UInt32(layout.groupChannels), filters: UInt32(filters),
      mask: mask.words + group * layout.groupWords, mask_words: UInt32(layout.words), kind: .float32,
      dx: zeros.raw, pixel_stride: UInt32(input.channels))
  }
}

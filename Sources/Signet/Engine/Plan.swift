// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// A program compiled for the kernels: operators fused into steps, weights laid out in panels.
package struct Plan: Sendable {
  package let steps: [any PlanStep]
  /// For each step, the index of the operator whose result it gives; two steps may share one.
  package let completed: [Int]
  package let input: FeatureShape
  /// How bytes are laid out for the first step, if that computes on bytes.
  package let pixels: PixelInput?
  package let outputs: Int

  /// Compiles a checked program for one instruction set.
  ///
  /// `pixel_convolution threshold (max_pool)` and `pixel_convolution (affine) (prelu) (max_pool) (affine) binarize`,
  /// `convolution (prelu)`, `(affine) binarize`, `binary_convolution threshold (max_pool)` and
  /// `binary_convolution (prelu) (max_pool) (affine) binarize` become one step each.
  package init(_ program: Program, kernels: sk_kernels) {
    var compiler = PlanCompiler(
      nodes: program.nodes, preprocessing: program.preprocessing, kernels: kernels)
    compiler.compile()
    steps = compiler.steps
    completed = compiler.completed
    input = program.input
    pixels = compiler.pixels
    outputs = program.outputs
  }

  /// Bytes of the arena for a batch: the largest step's input, output and scratch.
  package func arenaBytes(batch: Int) -> Int {
    var inputBytes = inputBytes(batch: batch)
    var widest = inputBytes
    for step in steps {
      let outputBytes = batchBytes(step.outputBytes, batch)
      widest = max(widest, inputBytes + outputBytes + batchBytes(step.scratchBytes, batch))
      inputBytes = outputBytes
    }
    return widest
  }

  /// Bytes of a batch as the first step reads it.
  func inputBytes(batch: Int) -> Int {
    pixels.map { batchBytes($0.imageBytes, batch) + PixelInput.slack } ?? batchBytes(input.count * 4, batch)
  }

  /// Bytes for a batch, rounded up to cache lines.
  func batchBytes(_ bytes: Int, _ batch: Int) -> Int { (bytes * batch + 63) / 64 * 64 }
}

/// Turns nodes into steps, front to back.
private struct PlanCompiler {
  let nodes: [Program.Node]
  let preprocessing: Preprocessing
  let kernels: sk_kernels
  var steps: [any PlanStep] = []
  var completed: [Int] = []
  var pixels: PixelInput?
  private var next = 0

  init(nodes: [Program.Node], preprocessing: Preprocessing, kernels: sk_kernels) {
    self.nodes = nodes
    self.preprocessing = preprocessing
    self.kernels = kernels
  }

  mutating func compile() {
    while next < nodes.count {
      let node = nodes[next]
      switch node.operation {
      case .convolution(let window, let groups, let weight, let bias):
        compileConvolution(node, window, groups, weight, bias)
      case .pixelConvolution(let window, let groups, let weight):
        compilePixelConvolution(node, window, groups, weight)
      case .binaryConvolution(let window, let groups, let bits):
        compileBinaryConvolution(node, window, groups, bits)
      case .affine(let scale, let shift):
        if case .binarize(let betas)? = operation(at: next + 1) {
          compileEncoder(nodes[next + 1], scale: scale, shift: shift, betas: betas)
          next += 1
        } else {
          steps.append(
            AffineStep(name: node.name, pixels: node.input.shape.pixels, scale: scale, shift: shift))
        }
      case .binarize(let betas):
        compileEncoder(node, scale: [], shift: [], betas: betas)
      case .activation(let slope):
        steps.append(ActivationStep(name: node.name, pixels: node.input.shape.pixels, slope: slope))
      case .maxPool(let window):
        steps.append(MaxPoolStep(name: node.name, window: window, channels: node.input.shape.channels))
      case .averagePool:
        steps.append(
          AveragePoolStep(
            name: node.name, pixels: node.input.shape.pixels, channels: node.input.shape.channels))
      case .scale(let factor):
        steps.append(ScaleStep(name: node.name, count: node.input.shape.count, factor: factor))
      case .threshold, .codePool:
        // Both follow a convolution on integers, which takes them in; the reader lets them stand nowhere else.
        break
      }
      completed += Array(repeating: next, count: steps.count - completed.count)
      next += 1
    }
  }

  private func operation(at index: Int) -> Program.Operation? {
    index < nodes.count ? nodes[index].operation : nil
  }

  /// The layout that the next binary convolution reads.
  private func layoutWanted(after index: Int, channels: Int) -> CodeLayout {
    for node in nodes[(index + 1)...] {
      if case .binaryConvolution(_, let groups, _) = node.operation {
        return CodeLayout(channels: channels, groups: groups)
      }
    }
    return CodeLayout(channels: channels)
  }

  private mutating func compileConvolution(
    _ node: Program.Node, _ window: Window, _ groups: Int, _ weight: [Float], _ bias: [Float]
  ) {
    var slope: [Float]?
    var name = node.name
    if case .activation(let slopes)? = operation(at: next + 1) {
      slope = slopes
      name = node.name
      next += 1
    }
    weight.withUnsafeBufferPointer { weights in
      guard let base = weights.baseAddress else { return }
      steps.append(
        RealConvolutionStep(
          name: name,
          convolution: RealConvolution(
            window: window, filters: bias.count, groups: groups, inputChannels: node.input.shape.channels,
            weights: base, bias: bias, slope: slope)))
    }
  }

  private mutating func compilePixelConvolution(
    _ node: Program.Node, _ window: Window, _ groups: Int, _ weight: [Int8]
  ) {
    guard case .pixels(_, let zero) = node.input, case .reals(let shape, _, let bound) = node.output else {
      return
    }
    let input = PixelInput(window: window, preprocessing: preprocessing, zero: zero)
    let filters = shape.channels
    let ending = PixelEnding(nodes, behind: next, filters: filters, bound: bound)
    func convolution(_ parts: [ConvolutionBlocks]?) -> PixelConvolution? {
      // Groups become weights of 0, so that all filters are one part.
      (parts?.first).map {
        PixelConvolution(
          window: window, groups: groups, weights: weight, filters: filters, input: input, part: $0)
      }
    }
    switch ending.result {
    case .reals(let scale, let shift, let slope):
      guard let convolution = convolution(ConvolutionBlocks.plain(filters: filters, groups: 1)) else {
        return
      }
      steps.append(
        PixelsToReals(
          name: node.name, convolution: convolution,
          table: convolution.realTable(scale: scale, shift: shift, slope: slope)))
    case .bits(let intervals, let planes, let pool, let inverted):
      let layout = layoutWanted(after: ending.index, channels: filters)
      guard
        let convolution = convolution(
          ConvolutionBlocks.packed(filters: filters, groups: 1, layout: layout))
      else { return }
      steps.append(
        PixelsToCodes(
          name: node.name, convolution: convolution, table: convolution.levelTable(intervals, planes: planes),
          layout: layout, pool: pool.map { LevelPool(window: $0, inverted: inverted, layout: layout) }))
    }
    pixels = input
    next = ending.index
  }

  private mutating func compileEncoder(_ node: Program.Node, scale: [Float], shift: [Float], betas: [Float]) {
    let shape = node.input.shape
    let channels = shape.channels
    steps.append(
      EncodeStep(
        name: node.name, pixels: shape.pixels,
        encoder: BitEncoder(
          layout: layoutWanted(after: next, channels: channels),
          scale: scale.isEmpty ? Array(repeating: 1, count: channels) : scale,
          shift: shift.isEmpty ? Array(repeating: 0, count: channels) : shift, betas: betas)))
  }

  private mutating func compileBinaryConvolution(
    _ node: Program.Node, _ window: Window, _ groups: Int, _ bits: [UInt32]
  ) {
    guard case .codes(let shape, let planeWeights, let unit) = node.input else { return }
    let filters = node.output.shape.channels
    let words = BitTensor.unpacked(
      bits, filters: filters, taps: window.taps, channels: shape.channels / groups)
    func packed(_ parts: [ConvolutionBlocks]) -> PackedConvolution {
      PackedConvolution(
        window: window, filters: filters, groups: groups, planeWeights: planeWeights, words: words,
        parts: parts,
        inputChannels: shape.channels, kernels: kernels)
    }
    guard
      let (ending, intervals, planes, poolWindow, inverted) = ending(of: node, filters: filters, unit: unit)
    else {
      steps.append(
        BinaryToReals(
          name: node.name, convolution: packed(ConvolutionBlocks.plain(filters: filters, groups: groups)),
          unit: unit))
      return
    }
    let wanted = layoutWanted(after: ending, channels: filters)
    let own = CodeLayout(channels: filters, groups: groups)
    let fitting = ConvolutionBlocks.packed(filters: filters, groups: groups, layout: wanted)
    let layout = fitting == nil ? own : wanted
    let convolution = packed(
      fitting ?? ConvolutionBlocks.packed(filters: filters, groups: groups, layout: own) ?? [])
    steps.append(
      BinaryToCodes(
        name: node.name, convolution: convolution, table: convolution.levelTable(intervals, planes: planes),
        layout: layout, pool: poolWindow.map { LevelPool(window: $0, inverted: inverted, layout: layout) }))
    if layout != wanted {
      steps.append(
        Relayout(
          name: node.name, pixels: nodes[ending].output.shape.pixels, planes: planes, from: layout, to: wanted
        ))
    }
    next = ending
  }

  /// The operators up to the next bits, if they can be taken in: the last one's index, and what they amount to.
  private func ending(
    of node: Program.Node, filters: Int, unit: Float
  ) -> (index: Int, intervals: LevelIntervals, planes: Int, pool: Window?, inverted: [Bool])? {
    guard case .reals(_, _, let bound) = node.output else { return nil }
    var index = next + 1
    if case .threshold(let low, let high)? = operation(at: index) {
      var intervals = LevelIntervals(low: [low], high: [high])
      guard case .codePool(let window, let inverted)? = operation(at: index + 1) else {
        return (index, intervals, 1, nil, [])
      }
      for channel in 0..<filters where inverted[channel] {
        (intervals.low[0][channel], intervals.high[0][channel]) = LevelIntervals.complement(
          low: low[channel], high: high[channel], bound: bound)
      }
      return (index + 1, intervals, 1, window, inverted)
    }
    var slope = Array(repeating: Float(1), count: filters)
    var scale = slope
    var shift = Array(repeating: Float(0), count: filters)
    var pool: Window?
    if case .activation(let slopes)? = operation(at: index) {
      slope = slopes
      index += 1
    }
    if case .maxPool(let window)? = operation(at: index) {
      pool = window
      index += 1
    }
    if case .affine(let scales, let shifts)? = operation(at: index) {
      (scale, shift) = (scales, shifts)
      index += 1
    }
    guard case .binarize(let betas)? = operation(at: index) else { return nil }
    let inverted = scale.map { pool != nil && $0 < 0 }
    let expressions = (0..<filters).map {
      LevelIntervals.Expression(
        unit: unit, slope: slope[$0], scale: scale[$0], shift: shift[$0], betas: betas)
    }
    // An infinity times a scale of 0 is no number, and the pool of that is not a pool of levels.
    guard slope.allSatisfy({ ($0 * (Float(bound) * unit)).isFinite }) else { return nil }
    return (
      index, LevelIntervals.derive(expressions, bound: bound, complemented: inverted), betas.count, pool,
      inverted
    )
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Turns nodes into steps, front to back.
struct PlanCompiler {
  let nodes: [Program.Node]
  let preprocessing: Preprocessing
  let kernels: sk_kernels
  var steps: [any PlanStep] = []
  var completed: [Int] = []
  var pixels: PixelInput?
  /// The node at hand.
  var next = 0

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
        steps.append(
          ScaleStep(
            name: node.name, pixels: node.input.shape.pixels,
            factor: Array(repeating: factor, count: node.input.shape.channels)))
      case .channelScale(let factor):
        steps.append(ScaleStep(name: node.name, pixels: node.input.shape.pixels, factor: factor))
      case .threshold, .codePool:
        // Both follow a convolution on integers, which takes them in; the reader lets them stand nowhere else.
        break
      }
      completed += Array(repeating: next, count: steps.count - completed.count)
      next += 1
    }
  }

  func operation(at index: Int) -> Program.Operation? {
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
    if case .activation(let slopes)? = operation(at: next + 1) {
      slope = slopes
      next += 1
    }
    let (encoder, last) = encoder(after: next, channels: bias.count)
    weight.withUnsafeBufferPointer { weights in
      guard let base = weights.baseAddress else { return }
      let convolution = RealConvolution(
        window: window, filters: bias.count, groups: groups, inputChannels: node.input.shape.channels,
        weights: base, bias: bias, slope: slope, encoder: encoder)
      if let encoder, convolution.writesCodes {
        steps.append(
          RealToCodes(
            name: node.name, convolution: convolution, layout: encoder.layout, planes: encoder.betas.count))
        next = last
      } else {
        steps.append(RealConvolutionStep(name: node.name, convolution: convolution))
      }
    }
  }

  /// The `(affine) binarize` behind an operator, if it is there, and its last operator's index.
  private func encoder(after index: Int, channels: Int) -> (BitEncoder?, last: Int) {
    var (scale, shift, last) = ([Float](), [Float](), index + 1)
    if case .affine(let scales, let shifts)? = operation(at: last) {
      (scale, shift, last) = (scales, shifts, last + 1)
    }
    guard case .binarize(let betas)? = operation(at: last) else { return (nil, index) }
    return (encoder(at: last, channels: channels, scale: scale, shift: shift, betas: betas), last)
  }

  /// A `binarize` as an encoder for its reader; an empty scale and shift stand for none.
  private func encoder(
    at index: Int, channels: Int, scale: [Float], shift: [Float], betas: [Float]
  ) -> BitEncoder {
    BitEncoder(
      layout: layoutWanted(after: index, channels: channels),
      scale: scale.isEmpty ? Array(repeating: 1, count: channels) : scale,
      shift: shift.isEmpty ? Array(repeating: 0, count: channels) : shift, betas: betas)
  }

  private mutating func compilePixelConvolution(
    _ node: Program.Node, _ window: Window, _ groups: Int, _ weight: [Int8]
  ) {
    guard case .pixels(_, let zero) = node.input else { return }
    let input = PixelInput(window: window, preprocessing: preprocessing, zero: zero)
    pixels = input
    let filters = node.output.shape.channels
    func convolution(_ parts: [ConvolutionBlocks]?) -> PixelConvolution? {
      // Groups become weights of 0, so that all filters are one part.
      (parts?.first).map {
        PixelConvolution(
          window: window, groups: groups, weights: weight, filters: filters, input: input, part: $0)
      }
    }
    guard let ending = BitEnding(nodes, behind: next) else {
      let ending = RealEnding(nodes, behind: next)
      guard let convolution = convolution(ConvolutionBlocks.plain(filters: filters, groups: 1)) else {
        return
      }
      steps.append(
        PixelsToReals(
          name: node.name, convolution: convolution,
          table: convolution.realTable(scale: ending.scale, shift: ending.shift, slope: ending.slope)))
      next = ending.index
      return
    }
    let layout = layoutWanted(after: ending.index, channels: filters)
    guard
      let convolution = convolution(ConvolutionBlocks.packed(filters: filters, groups: 1, layout: layout))
    else { return }
    steps.append(
      PixelsToCodes(
        name: node.name, convolution: convolution,
        table: convolution.levelTable(ending.intervals, planes: ending.planes),
        layout: layout, givesLevels: ending.pool != nil))
    appendPool(of: ending, layout: layout)
    next = ending.index
  }

  private mutating func compileEncoder(_ node: Program.Node, scale: [Float], shift: [Float], betas: [Float]) {
    let shape = node.input.shape
    steps.append(
      EncodeStep(
        name: node.name, pixels: shape.pixels,
        encoder: encoder(at: next, channels: shape.channels, scale: scale, shift: shift, betas: betas)))
  }

  /// The pool among the operators that the convolution at hand took in, if there is one.
  private mutating func appendPool(of ending: BitEnding, layout: CodeLayout) {
    guard let window = ending.pool else { return }
    let node = nodes[next...ending.index].first(where: \.isPool)
    steps.append(
      LevelPool(
        name: node?.name ?? "", window: window, planes: ending.planes, inverted: ending.inverted,
        layout: layout))
  }

  private mutating func compileBinaryConvolution(
    _ node: Program.Node, _ window: Window, _ groups: Int, _ bits: [UInt32]
  ) {
    guard case .codes(let shape, let planeWeights, let unit, let isUnipolar) = node.input else { return }
    let filters = node.output.shape.channels
    let words = BitTensor.unpacked(
      bits, filters: filters, taps: window.taps, channels: shape.channels / groups)
    func packed(_ parts: [ConvolutionBlocks]) -> PackedConvolution {
      PackedConvolution(
        window: window, filters: filters, groups: groups, planeWeights: planeWeights, words: words,
        parts: parts,
        inputChannels: shape.channels, isUnipolar: isUnipolar, kernels: kernels)
    }
    guard let ending = BitEnding(nodes, behind: next) else {
      steps.append(
        BinaryToReals(
          name: node.name, convolution: packed(ConvolutionBlocks.plain(filters: filters, groups: groups)),
          unit: unit))
      return
    }
    let wanted = layoutWanted(after: ending.index, channels: filters)
    let own = CodeLayout(channels: filters, groups: groups)
    let fitting = ConvolutionBlocks.packed(filters: filters, groups: groups, layout: wanted)
    let layout = fitting == nil ? own : wanted
    let convolution = packed(
      fitting ?? ConvolutionBlocks.packed(filters: filters, groups: groups, layout: own) ?? [])
    steps.append(
      BinaryToCodes(
        name: node.name, convolution: convolution,
        table: convolution.levelTable(ending.intervals, planes: ending.planes), layout: layout,
        givesLevels: ending.pool != nil))
    appendPool(of: ending, layout: layout)
    if layout != wanted {
      steps.append(
        Relayout(
          name: node.name, pixels: nodes[ending.index].output.shape.pixels, planes: ending.planes,
          from: layout, to: wanted))
    }
    next = ending.index
  }
}

// SPDX-License-Identifier: Apache-2.0

package import Signet

/// Compares the trainer's graph with the engine: every activation bit and accumulator of every binary layer.
///
/// The trainer's graph is in evaluation: BatchNorm, PReLU and the binarizations in floats, binary convolutions as products of
/// float matrices. The engine runs packed bits against integer thresholds.
package struct Verification {
  package struct Row: Sendable {
    package let layer: String
    package var activations = 0
    package var differentActivations = 0
    /// Different bits whose real value lies within rounding error of a switch point.
    package var ties = 0
    package var accumulators = 0
    package var differentAccumulators = 0
  }

  package private(set) var rows: [Row]
  package private(set) var images = 0
  package private(set) var sameClass = 0
  package private(set) var identicalLogits = 0
  package private(set) var largestLogitDifference: Float = 0

  private var network: Sequential
  private let engine: Engine
  private let context: ComputeContext

  /// Every bit, accumulator and logit is the same.
  package var isExact: Bool {
    rows.allSatisfy { $0.differentActivations == 0 && $0.differentAccumulators == 0 }
      && identicalLogits == images
  }

  /// Differences begin at float ties only, and the class agrees on at least 99.9 % of the images.
  ///
  /// Behind a different bit everything may differ; so the first layer with a difference must have ties alone. Without any,
  /// the logits must be the same bits.
  package var isAcceptable: Bool {
    let first = rows.first { $0.differentActivations > 0 || $0.differentAccumulators > 0 }
    let startsWithTies = first.map { $0.differentActivations > 0 && $0.ties == $0.differentActivations }
    guard let startsWithTies else { return identicalLogits == images }
    return startsWithTies && Double(sameClass) >= 0.999 * Double(images)
  }

  package init(network: Sequential, engine: Engine, context: ComputeContext) {
    self.network = network
    self.engine = engine
    self.context = context
    rows = network.layers.compactMap { ($0 as? BinaryConvolution).map { Row(layer: $0.name) } }
  }

  /// Adds a batch of normalised images.
  package mutating func add(_ inputs: UnsafePointer<Float>, images count: Int) throws {
    var traces: [Trace] = []
    let x = context.tensor(count, network.input, values: inputs)
    let (logits, _) = try network.forward(x, phase: .evaluation, on: context) { layer, input, output in
      guard var layer = layer as? BinaryConvolution else { return }
      var saved = try layer.encode(input, phase: .evaluation, on: context)
      saved.magnitudes = layer.weights.magnitudes(of: layer.weight, on: context)
      traces.append(Trace(layer: layer, saved: saved, output: output))
    }
    var engineLogits = [Float](repeating: 0, count: logits.count)
    var index = 0
    var first = 0
    engineLogits.withUnsafeMutableBufferPointer { result in
      guard let base = result.baseAddress else { return }
      engine.run(inputs, images: count, logits: base) { step, memory, images in
        if step == 0 { index = 0 }
        if let packed = engine.plan.steps[step].packed {
          compare(traces[index], packed, memory.codes, firstImage: first, images: images, row: index)
          index += 1
        }
        if step == engine.plan.steps.count - 1 { first += images }
      }
    }
    compareLogits(logits, engineLogits)
  }

  fileprivate struct Trace {
    let layer: BinaryConvolution
    let saved: BinaryConvolution.Saved
    let output: Tensor
  }

  private mutating func compare(
    _ trace: Trace, _ packed: PackedConvolution, _ codes: UnsafePointer<UInt32>, firstImage: Int, images: Int,
    row: Int
  ) {
    let planes = trace.saved.levels.weights.count
    let (layout, pixels) = (trace.layer.layout, images * trace.layer.input.pixels)
    let firstPixel = firstImage * trace.layer.input.pixels
    let own = trace.saved.codes.words + firstPixel * planes * layout.words
    for word in 0..<pixels * planes * layout.words where own[word] != codes[word] {
      let different = own[word] ^ codes[word]
      rows[row].differentActivations += different.nonzeroBitCount
      let pixel = firstPixel + word / (planes * layout.words)
      let plane = word / layout.words % planes
      for channel in 0..<layout.channels {
        let (position, bit) = layout.position(of: channel)
        guard position == word % layout.words, different >> UInt32(bit) & 1 == 1 else { continue }
        if trace.isTie(pixel: pixel, plane: plane, channel: channel) { rows[row].ties += 1 }
      }
    }
    rows[row].activations += pixels * planes * layout.channels
    let count = images * trace.output.shape.count
    let accumulators = context.memory.take(bytes: count * 4)
    defer { accumulators.keep() }
    let integers = UnsafeMutableRawPointer(accumulators.words).assumingMemoryBound(to: Int32.self)
    packed.run(codes, images: images, to: .accumulators(integers), on: context.crew)
    let reals = trace.output.pointer + firstImage * trace.output.shape.count
    let (unit, channels) = (trace.saved.levels.unit, trace.output.channels)
    let factors = trace.layer.factors(magnitudes: trace.saved.magnitudes?.array) ?? [1]
    for at in 0..<count
    where Float(integers[at]) * unit * factors[factors.count == 1 ? 0 : at % channels] != reals[at] {
      rows[row].differentAccumulators += 1
    }
    rows[row].accumulators += count
  }

  private mutating func compareLogits(_ logits: Tensor, _ engineLogits: [Float]) {
    let classes = logits.shape.count
    func best(_ row: UnsafeBufferPointer<Float>.SubSequence) -> Int {
      var best = row.startIndex
      for index in row.indices where row[index] > row[best] { best = index }
      return best - row.startIndex
    }
    engineLogits.withUnsafeBufferPointer { other in
      for image in 0..<logits.images {
        let range = image * classes..<(image + 1) * classes
        let (own, engine) = (logits.values[range], other[range])
        sameClass += best(own) == best(engine) ? 1 : 0
        identicalLogits += zip(own, engine).allSatisfy({ $0.bitPattern == $1.bitPattern }) ? 1 : 0
        for (a, b) in zip(own, engine) { largestLogitDifference = max(largestLogitDifference, abs(a - b)) }
      }
    }
    images += logits.images
  }
}

extension Verification.Trace {
  /// Whether the residual whose sign differs is within rounding error of 0.
  func isTie(pixel: Int, plane: Int, channel: Int) -> Bool {
    let x = saved.x.pointer[pixel * saved.x.channels + channel]
    let (product, shift) = (saved.planes.scale[channel] * x, saved.planes.shift[channel])
    var residual = product + shift
    for beta in saved.levels.betas.prefix(plane) {
      residual = residual >= 0 ? residual - beta : residual + beta
    }
    return abs(residual) <= 1e-5 * (abs(product) + abs(shift))
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// Runs a model in every way the engine knows, and compares all values with the interpreter's, bit for bit.
struct EngineComparison {
  /// Crews of every instruction set with 1, 2 and 3 threads, started once.
  static let crews: [Crew] = ISA.available.flatMap { isa in
    [1, 2, 3].compactMap { threads in
      KernelTable(isa).flatMap { try? Crew(table: $0, threads: threads) }
    }
  }

  let model: CompactModel
  let inputs: [Float]
  let comment: String
  private let expected: [[Interpreter.Value]]

  /// Interprets `inputs`, whole images of the model's size.
  init(_ model: CompactModel, inputs: [Float], _ comment: String) {
    self.model = model
    self.inputs = inputs
    self.comment = comment
    let interpreter = Interpreter(model.program)
    let size = model.program.input.count
    expected = stride(from: 0, to: inputs.count, by: size).map { first in
      var values: [Interpreter.Value] = []
      _ = interpreter.run(Array(inputs[first..<first + size])) { values.append($1) }
      return values
    }
  }

  /// Logits with every crew and batch; every step's result and accumulators with every crew and the first batch.
  func check(crews: [Crew] = EngineComparison.crews, batches: [Int] = [4, 1, 64]) throws {
    let logits = expected.flatMap { values -> [Float] in
      guard case .reals(let reals)? = values.last else { return [] }
      return reals
    }.map(\.bitPattern)
    try #require(!logits.isEmpty, "\(comment)")
    for crew in crews {
      for (turn, batch) in batches.enumerated() {
        let engine = try Engine(model, crew: crew, batch: batch)
        let found = turn == 0 ? observedLogits(engine, batch: batch) : try plainLogits(engine)
        expectEqual(
          found.map(\.bitPattern), logits,
          "\(comment) \(crew.table.isa) ×\(crew.pool.threads), batch \(batch)")
      }
    }
  }

  /// By the public call where it takes the inputs: it refuses those that are no finite numbers.
  private func plainLogits(_ engine: Engine) throws -> [Float] {
    guard !inputs.allSatisfy(\.isFinite) else { return try engine.logits(inputs) }
    var found = [Float](repeating: 0, count: expected.count * engine.plan.outputs)
    engine.run(inputs, images: expected.count, logits: &found)
    return found
  }

  private func observedLogits(_ engine: Engine, batch: Int) -> [Float] {
    let plan = engine.plan
    var found = [Float](repeating: 0, count: expected.count * plan.outputs)
    var first = 0
    engine.run(inputs, images: expected.count, logits: &found) { step, memory, images in
      let place = "\(engine.isa), step \(step) “\(plan.steps[step].name)”"
      for image in 0..<images {
        compareResult(plan, step, memory, image, expected[first + image], place)
      }
      compareAccumulators(plan, step, memory, Array(expected[first..<first + images]), engine.crew, place)
      if step == plan.steps.count - 1 { first += images }
    }
    return found
  }

  private func compareResult(
    _ plan: Plan, _ step: Int, _ memory: StepMemory, _ image: Int, _ values: [Interpreter.Value],
    _ place: String
  ) {
    let operation = plan.completed[step]
    // Before a change of layout the bits lie elsewhere; they are compared after it.
    if step + 1 < plan.steps.count, plan.completed[step + 1] == operation { return }
    let node = model.program.nodes[operation]
    switch (values[operation], node.output) {
    case (.reals(let expected), _):
      let start = memory.outputReals + image * expected.count
      let found = UnsafeBufferPointer(start: start, count: expected.count).map(\.bitPattern)
      expectEqual(found, expected.map(\.bitPattern), "\(comment): \(place)")
    case (.codes(let expected), .codes(let shape, let weights, _, _)):
      let words = Self.packed(
        expected, shape: shape, planes: weights.count, groups: groupsOfReader(after: operation))
      let found = UnsafeBufferPointer(start: memory.outputCodes + image * words.count, count: words.count)
      expectEqual(Array(found), words, "\(comment): \(place)")
    default:
      Issue.record("\(comment): codes where reals are promised, \(place)")
    }
  }

  private func compareAccumulators(
    _ plan: Plan, _ step: Int, _ memory: StepMemory, _ values: [[Interpreter.Value]], _ crew: Crew,
    _ place: String
  ) {
    let (packed, ofPixels) = (plan.steps[step].packed, plan.steps[step].ofPixels)
    guard packed != nil || ofPixels != nil else { return }
    let index = (0...plan.completed[step]).last {
      model.program.nodes[$0].kind == (packed == nil ? .pixelConvolution : .binaryConvolution)
    }
    guard let index, case .reals(let shape, let unit?, let bound) = model.program.nodes[index].output else {
      Issue.record("\(comment): a convolution on integers without its operator, \(place)")
      return
    }
    var found = [Int32](repeating: .min, count: values.count * shape.count)
    found.withUnsafeMutableBufferPointer { found in
      guard let to = found.baseAddress else { return }
      packed?.run(memory.codes, images: values.count, to: .accumulators(to), on: crew)
      ofPixels?.run(memory.pixels, images: values.count, to: .accumulators(to), on: crew)
    }
    let expected = values.flatMap { values -> [Int32] in
      guard case .reals(let reals) = values[index] else { return [] }
      return reals.map { Int32($0 / unit) }
    }
    expectEqual(found, expected, "\(comment): accumulators, \(place)")
    #expect(
      (packed?.bound ?? bound) == bound && found.allSatisfy { abs($0) <= bound },
      "\(comment): bound, \(place)")
  }

  /// Groups of the next binary convolution, whose layout codes are kept in.
  private func groupsOfReader(after index: Int) -> Int {
    for node in model.program.nodes[(index + 1)...] {
      if case .binaryConvolution(_, let groups, _) = node.operation { return groups }
    }
    return 1
  }

  /// Codes as the layout's contract says: `[pixel][plane][group][word]`, low bit first, the rest 0.
  static func packed(_ codes: [UInt8], shape: FeatureShape, planes: Int, groups: Int) -> [UInt32] {
    let size = shape.channels / groups
    let groupWords = (size + 31) / 32
    var words = [UInt32](repeating: 0, count: shape.pixels * planes * groups * groupWords)
    for (index, code) in codes.enumerated() {
      let (pixel, channel) = index.quotientAndRemainder(dividingBy: shape.channels)
      for plane in 0..<planes where code >> UInt8(planes - 1 - plane) & 1 == 1 {
        let word = ((pixel * planes + plane) * groups + channel / size) * groupWords + channel % size / 32
        words[word] |= 1 << UInt32(channel % size % 32)
      }
    }
    return words
  }
}

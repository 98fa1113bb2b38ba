// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// How the engine is made and called: what it refuses, and that sharing it changes nothing.
struct EngineUseTests {
  private static func model(_ images: Int) throws -> (CompactModel, [Float]) {
    var maker = ModelMaker(seed: 5, height: 6, width: 6, channels: 2)
    maker.convolution(20, kernel: (3, 3), padding: (1, 1))
    maker.affine()
    maker.binarize(planes: [2, 1])
    maker.binaryConvolution(40, kernel: (3, 3), padding: (1, 1))
    maker.prelu()
    maker.affine()
    maker.binarize()
    maker.binaryConvolution(10, kernel: (6, 6))
    return (try maker.model(), maker.images(images))
  }

  /// Oracle: the codes that ``EngineError`` documents.
  @Test func misuseIsRefused() throws {
    let (model, images) = try Self.model(1)
    func code(_ body: () throws -> Void) -> EngineError.Code? {
      do {
        try body()
        return nil
      } catch {
        return (error as? EngineError)?.code
      }
    }
    #expect(code { _ = try Engine(model).logits([1, 2, 3]) } == .badInput)
    #expect(code { _ = try Engine(model).logits(images + [0]) } == .badInput)
    #expect(try Engine(model).logits([]).isEmpty)
    for threads in [0, -1, 1025] { #expect(code { _ = try Engine(model, threads: threads) } == .badThreads) }
    for batch in [0, -5, 1 << 17, .max] { #expect(code { _ = try Engine(model, batch: batch) } == .badInput) }
    for isa in ISA.allCases where !ISA.available.contains(isa) {
      #expect(code { _ = try Engine(model, isa: isa) } == .unsupportedISA)
    }
  }

  /// Oracle: the formula that ``Preprocessing`` documents.
  @Test func bytesAreNormalised() throws {
    let (model, _) = try Self.model(1)
    let engine = try Engine(model)
    let pixels = (0..<144).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let (mean, deviation) = (model.preprocessing.mean, model.preprocessing.deviation)
    let reals = pixels.enumerated().map { (Float($1) / 255 - mean[$0 % 2]) / deviation[$0 % 2] }
    #expect(try engine.logits(pixels: pixels).map(\.bitPattern) == engine.logits(reals).map(\.bitPattern))
    #expect(throws: EngineError.self) { try engine.logits(pixels: [1, 2, 3]) }
  }

  /// The value of `SIGNET_ISA` chooses, or is refused.
  ///
  /// Oracle: the list of what can run here.
  @Test func theNameOfAnInstructionSetDecides() throws {
    for isa in ISA.available { #expect(try KernelTable.chosen(named: isa.rawValue).isa == isa) }
    #expect(try KernelTable.chosen(named: nil).isa == ISA.available.last)
    for name in ["", "AVX2", "sse", "scalar "] + ISA.allCases.filter({ $0.kernels == nil }).map(\.rawValue) {
      let error = #expect(throws: EngineError.self) { try KernelTable.chosen(named: name) }
      #expect(error?.code == .unsupportedISA)
      #expect(error?.description.contains("“\(name)”") == true)
      #expect(error?.description.contains("scalar") == true, "what can run is named")
    }
    #expect(ISA.available.first == .scalar)
  }

  /// Oracle: one image at a time on one thread.
  @Test func callersAtTheSameTimeGetTheirOwnLogits() async throws {
    let (model, images) = try Self.model(24)
    let size = model.program.input.count
    let expected = try Engine(model, isa: .scalar).logits(images)
    let engine = try Engine(model, threads: 2, batch: 5)
    // A second engine on the same crew: its calls share threads and scratch memory with the first one's.
    let other = try Engine(model, crew: engine.crew, batch: 2)
    let single = try Crew(table: engine.crew.table, threads: 1)
    let engines = [
      engine, other, try Engine(model, crew: single, batch: 3), try Engine(model, crew: single, batch: 1),
    ]
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for caller in 0..<32 {
        group.addTask {
          let first = caller % 20
          let count = 1 + caller % 4
          var isEqual = true
          for _ in 0..<20 {
            let found = try engines[caller % engines.count].logits(
              Array(images[first * size..<(first + count) * size]))
            isEqual = isEqual && found == Array(expected[first * 10..<(first + count) * 10])
          }
          return isEqual
        }
      }
      for try await isEqual in group { #expect(isEqual) }
    }
  }

  /// The arena holds the largest step for the batch.
  ///
  /// Oracle: the sizes of this model's steps, by hand.
  @Test func theArenaIsAsLargeAsItsWidestStep() throws {
    let (model, _) = try Self.model(0)
    // Two planes of 6×6 words beside the input of 6×6×2 reals, per image, in whole cache lines.
    #expect(try Engine(model, batch: 1).arenaBytes == 320 + 320)
    #expect(try Engine(model, batch: 4).arenaBytes == 1152 + 1152)
    let steps = try Engine(model).plan.steps.map(\.outputBytes)
    #expect(steps == [36 * 2 * 4, 36 * 2 * 4, 10 * 4])
  }
}

// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Runs a compact model on packed bits.
///
/// The same model and input give the same logits, bit for bit, on every instruction set, with any number of threads and
/// in any batch. An engine may be used from several threads; calls take turns.
public final class Engine: Sendable {
  /// The model that the engine runs.
  public let model: CompactModel
  /// The instruction set in use.
  public let isa: ISA
  /// Threads in use.
  public let threads: Int
  /// Bytes of the arena that holds all activations.
  public let arenaBytes: Int

  /// A larger arena is refused: 16 GiB.
  static let largestArena = 1 << 34

  package let plan: Plan
  package let crew: Crew
  private let batch: Int
  private let arena: AlignedBuffer<UInt8>
  private let turn = DispatchSemaphore(value: 1)

  /// Compiles a model.
  ///
  /// - Parameters:
  ///   - model: what to run.
  ///   - threads: threads to share the work of an image.
  ///   - batch: images that are computed at a time; more of them in a call are split.
  ///   - isa: an instruction set, or nil for what `SIGNET_ISA` names, or else the fastest.
  /// - Throws: ``EngineError`` if the instruction set can't run here or the thread count is not positive.
  public convenience init(_ model: CompactModel, threads: Int = 1, batch: Int = 1, isa: ISA? = nil) throws {
    let table: KernelTable
    if let isa {
      guard let found = KernelTable(isa) else {
        throw EngineError(.unsupportedISA, "\(isa.rawValue) can't run on this machine")
      }
      table = found
    } else {
      table = try KernelTable.chosen()
    }
    try self.init(model, crew: Crew(table: table, threads: threads), batch: batch)
  }

  package init(_ model: CompactModel, crew: Crew, batch: Int) throws {
    guard batch >= 1, batch <= 1 << 16 else {
      throw EngineError(.badInput, "a batch of \(batch) images; give a number from 1 to 65536")
    }
    self.model = model
    self.crew = crew
    self.batch = batch
    isa = crew.table.isa
    threads = crew.pool.threads
    plan = Plan(model.program, kernels: crew.kernels)
    arenaBytes = plan.arenaBytes(batch: batch)
    guard arenaBytes <= Self.largestArena else {
      throw EngineError(
        .badInput, "a batch of \(batch) images needs \(arenaBytes >> 20) MiB; give a smaller batch")
    }
    arena = AlignedBuffer(count: arenaBytes)
  }

  /// The logits of one or more images.
  ///
  /// - Parameter inputs: normalised images, `[N, height, width, channels]`.
  /// - Returns: logits, `[N, classes]`.
  /// - Throws: ``EngineError`` if the count is not a multiple of one image's.
  public func logits(_ inputs: [Float]) throws -> [Float] {
    let size = plan.input.count
    guard inputs.count % size == 0 else {
      throw EngineError(
        .badInput, "\(inputs.count) values given; one image of \(plan.input) has \(size)")
    }
    let images = inputs.count / size
    var result = [Float](repeating: 0, count: images * plan.outputs)
    inputs.withUnsafeBufferPointer { inputs in
      result.withUnsafeMutableBufferPointer { result in
        guard let from = inputs.baseAddress, let to = result.baseAddress else { return }
        run(from, images: images, logits: to)
      }
    }
    return result
  }

  /// The logits of one or more images as bytes.
  ///
  /// - Parameter pixels: images of the model's size, `[N, height, width, channels]`, 0 black and 255 white.
  /// - Returns: logits, `[N, classes]`.
  /// - Throws: ``EngineError`` if the count is not a multiple of one image's.
  public func logits(pixels: [UInt8]) throws -> [Float] {
    let (table, channels) = (model.preprocessing.table(), model.preprocessing.channels)
    return try logits(pixels.enumerated().map { table[$0 % channels * 256 + Int($1)] })
  }

  /// Runs `images` images; `observe` sees each step's index, its memory and the number of images in it.
  package func run(
    _ inputs: UnsafePointer<Float>, images: Int, logits: UnsafeMutablePointer<Float>,
    observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }
  ) {
    turn.wait()
    defer { turn.signal() }
    var first = 0
    while first < images {
      let count = min(batch, images - first)
      runBatch(
        inputs + first * plan.input.count, images: count, logits: logits + first * plan.outputs, observe)
      first += count
    }
  }

  /// Values live at the two ends of the arena in turn; a step's scratch lies between them.
  private func runBatch(
    _ inputs: UnsafePointer<Float>, images: Int, logits: UnsafeMutablePointer<Float>,
    _ observe: (Int, StepMemory, Int) -> Void
  ) {
    let base = UnsafeMutableRawPointer(arena.pointer)
    var inputBytes = plan.batchBytes(plan.input.count * 4, images)
    base.copyMemory(from: inputs, byteCount: images * plan.input.count * 4)
    var input = base
    var atFront = true
    for (index, step) in plan.steps.enumerated() {
      let outputBytes = plan.batchBytes(step.outputBytes, images)
      let output = atFront ? base + (arenaBytes - outputBytes) : base
      let scratch = atFront ? base + inputBytes : base + outputBytes
      let memory = StepMemory(input: input, output: output, scratch: scratch)
      step.run(memory, images: images, on: crew)
      observe(index, memory, images)
      input = output
      inputBytes = outputBytes
      atFront.toggle()
    }
    logits.update(from: input.assumingMemoryBound(to: Float.self), count: images * plan.outputs)
  }
}

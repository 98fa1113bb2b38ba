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
    try inputs.withUnsafeBufferPointer { inputs in
      try logits(of: inputs) { run($0, images: $1, logits: $2) }
    }
  }

  /// The logits of one or more images as bytes.
  ///
  /// - Parameter pixels: images of the model's size, `[N, height, width, channels]`, 0 black and 255 white.
  /// - Returns: logits, `[N, classes]`.
  /// - Throws: ``EngineError`` if the count is not a multiple of one image's.
  public func logits(pixels: [UInt8]) throws -> [Float] {
    try pixels.withUnsafeBufferPointer { pixels in
      try logits(of: pixels) { run(pixels: $0, images: $1, logits: $2) }
    }
  }

  private func logits<Element>(
    of inputs: UnsafeBufferPointer<Element>,
    _ run: (UnsafePointer<Element>, _ images: Int, _ logits: UnsafeMutablePointer<Float>) -> Void
  ) throws -> [Float] {
    let size = plan.input.count
    guard inputs.count % size == 0 else {
      throw EngineError(
        .badInput, "\(inputs.count) values given; one image of \(plan.input) has \(size)")
    }
    let images = inputs.count / size
    var result = [Float](repeating: 0, count: images * plan.outputs)
    result.withUnsafeMutableBufferPointer { result in
      guard let from = inputs.baseAddress, let to = result.baseAddress else { return }
      run(from, images, to)
    }
    return result
  }

  /// Runs `images` images; `observe` sees each step's index, its memory and the number of images in it.
  package func run(
    _ inputs: UnsafePointer<Float>, images: Int, logits: UnsafeMutablePointer<Float>,
    observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }
  ) {
    runBatches(images, logits: logits, observe) { place, first, count in
      let source = inputs + first * plan.input.count
      if let pixels = plan.pixels {
        pixels.fill(place.assumingMemoryBound(to: UInt8.self), reals: source, images: count, on: crew)
      } else {
        place.copyMemory(from: source, byteCount: count * plan.input.count * 4)
      }
    }
  }

  /// Runs `images` images that are bytes; else the same as ``run(_:images:logits:observe:)``.
  package func run(
    pixels inputs: UnsafePointer<UInt8>, images: Int, logits: UnsafeMutablePointer<Float>,
    observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }
  ) {
    let table = plan.pixels == nil ? model.preprocessing.table() : []
    runBatches(images, logits: logits, observe) { place, first, count in
      let source = inputs + first * plan.input.count
      if let pixels = plan.pixels {
        pixels.fill(place.assumingMemoryBound(to: UInt8.self), pixels: source, images: count, on: crew)
      } else {
        let (reals, channels) = (place.assumingMemoryBound(to: Float.self), plan.input.channels)
        crew.pool.runRanges(count * plan.input.pixels, grain: 4096) { range, _ in
          for pixel in range {
            for c in 0..<channels {
              reals[pixel * channels + c] = table[c << 8 + Int(source[pixel * channels + c])]
            }
          }
        }
      }
    }
  }

  private func runBatches(
    _ images: Int, logits: UnsafeMutablePointer<Float>, _ observe: (Int, StepMemory, Int) -> Void,
    _ fill: (_ place: UnsafeMutableRawPointer, _ first: Int, _ count: Int) -> Void
  ) {
    turn.wait()
    defer { turn.signal() }
    var first = 0
    while first < images {
      let count = min(batch, images - first)
      fill(UnsafeMutableRawPointer(arena.pointer), first, count)
      runBatch(images: count, logits: logits + first * plan.outputs, observe)
      first += count
    }
  }

  /// Values live at the two ends of the arena in turn; a step's scratch lies between them.
  private func runBatch(
    images: Int, logits: UnsafeMutablePointer<Float>, _ observe: (Int, StepMemory, Int) -> Void
  ) {
    let base = UnsafeMutableRawPointer(arena.pointer)
    var inputBytes = plan.inputBytes(batch: images)
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

// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Runs a compact model on packed bits.
///
/// The same model and input give the same logits, bit for bit, on every instruction set, with any number of threads and
/// in any batch. An engine may be used from several threads and tasks at a time; their batches take turns, and a caller
/// waits for its turn and its result. For work side by side, make an engine for each.
public final class Engine: Sendable {
  /// The model that the engine runs.
  public let model: CompactModel
  /// The instruction set in use.
  public let isa: ISA
  /// Threads in use.
  public let threads: Int
  /// Images that are computed at a time; more of them in a call are split.
  public let batch: Int
  /// Bytes of the arena that holds all activations.
  public let arenaBytes: Int

  /// A larger arena is refused: 16 GiB.
  static let largestArena = 1 << 34

  package let plan: Plan
  package let crew: Crew
  /// What each byte becomes, by channel; see ``Preprocessing/table()``.
  private let inputTable: [Float]
  private let arena: AlignedBuffer<UInt8>
  private let turn = DispatchSemaphore(value: 1)

  /// Compiles a model.
  ///
  /// - Parameters:
  ///   - model: what to run.
  ///   - threads: threads to share the work of an image.
  ///   - batch: images that are computed at a time; more of them in a call are split.
  ///   - isa: an instruction set, or nil for what `SIGNET_ISA` names, or else the fastest.
  /// - Throws: ``EngineError`` if the instruction set can't run here, the thread count is not 1…1024, the batch is not
  ///   1…65536, or its arena would be larger than 16 GiB.
  /// - Complexity: O(weights): they are laid out for the instruction set. Keep an engine rather than making it anew.
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
    inputTable = model.preprocessing.table()
    arenaBytes = plan.arenaBytes(batch: batch)
    guard arenaBytes <= Self.largestArena else {
      throw EngineError(
        .badInput, "a batch of \(batch) images needs \(arenaBytes >> 20) MiB; give a smaller batch")
    }
    arena = AlignedBuffer(count: arenaBytes)
  }

  /// Runs `images` images; `observe` sees each step's index, its memory and the number of images in it, and `started` is
  /// called in front of a batch's first step.
  package func run(
    _ inputs: UnsafePointer<Float>, images: Int, logits: UnsafeMutablePointer<Float>,
    observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }, started: () -> Void = {}
  ) {
    runBatches(images, logits: logits, observe, started) { arena, first, count in
      let source = inputs + first * plan.input.count
      if let pixels = plan.pixels {
        pixels.fill(arena.assumingMemoryBound(to: UInt8.self), reals: source, images: count, on: crew)
      } else {
        arena.copyMemory(from: source, byteCount: count * plan.input.count * 4)
      }
    }
  }

  /// Runs `images` images that are bytes; else the same as ``run(_:images:logits:observe:started:)``.
  package func run(
    pixels inputs: UnsafePointer<UInt8>, images: Int, logits: UnsafeMutablePointer<Float>,
    observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }, started: () -> Void = {}
  ) {
    runBatches(images, logits: logits, observe, started) { arena, first, count in
      let source = inputs + first * plan.input.count
      if let pixels = plan.pixels {
        pixels.fill(arena.assumingMemoryBound(to: UInt8.self), pixels: source, images: count, on: crew)
      } else {
        normalise(source, images: count, to: arena.assumingMemoryBound(to: Float.self))
      }
    }
  }

  /// The network's input for these bytes, looked up as the trainer does.
  private func normalise(
    _ pixels: UnsafePointer<UInt8>, images: Int, to inputs: UnsafeMutablePointer<Float>
  ) {
    let channels = plan.input.channels
    inputTable.withUnsafeBufferPointer { table in
      crew.pool.runRanges(images * plan.input.pixels, grain: 4096) { range, _ in
        for c in 0..<channels {
          let row = UnsafeBufferPointer(rebasing: table[c * 256..<(c + 1) * 256])
          for index in range { inputs[index * channels + c] = row[Int(pixels[index * channels + c])] }
        }
      }
    }
  }

  /// Runs batch by batch; `fill` lays out `count` images from the one numbered `first` on at the arena's start.
  private func runBatches(
    _ images: Int, logits: UnsafeMutablePointer<Float>, _ observe: (Int, StepMemory, Int) -> Void,
    _ started: () -> Void, _ fill: (_ arena: UnsafeMutableRawPointer, _ first: Int, _ count: Int) -> Void
  ) {
    turn.wait()
    defer { turn.signal() }
    var first = 0
    while first < images {
      let count = min(batch, images - first)
      fill(UnsafeMutableRawPointer(arena.pointer), first, count)
      started()
      runBatch(images: count, logits: logits + first * plan.outputs, observe)
      first += count
    }
  }

  /// Values live at the two ends of the arena in turn.
  private func runBatch(
    images: Int, logits: UnsafeMutablePointer<Float>, _ observe: (Int, StepMemory, Int) -> Void
  ) {
    let base = UnsafeMutableRawPointer(arena.pointer)
    var input = base
    var atFront = true
    for (index, step) in plan.steps.enumerated() {
      let outputBytes = plan.batchBytes(step.outputBytes, images)
      let output = atFront ? base + (arenaBytes - outputBytes) : base
      let memory = StepMemory(input: input, output: output)
      step.run(memory, images: images, on: crew)
      observe(index, memory, images)
      input = output
      atFront.toggle()
    }
    logits.update(from: input.assumingMemoryBound(to: Float.self), count: images * plan.outputs)
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Binary convolution whose accumulators become bits in the same pass.
struct BinaryToCodes: PlanStep {
  let name: String
  let convolution: PackedConvolution
  let table: PackedConvolution.LevelTable
  let layout: CodeLayout
  let pool: LevelPool?

  var packed: PackedConvolution? { convolution }
  var outputBytes: Int {
    (pool?.window.outPixels ?? convolution.window.outPixels) * table.planes * layout.words * 4
  }
  var scratchBytes: Int {
    pool == nil ? 0 : convolution.window.outPixels * table.levels * layout.words * 4
  }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    guard let pool else {
      convolution.run(memory.codes, images: images, to: .codes(memory.outputCodes, table), on: crew)
      return
    }
    let levels = memory.scratch.assumingMemoryBound(to: UInt32.self)
    convolution.run(memory.codes, images: images, to: .levels(levels, table), on: crew)
    pool.run(levels, planes: table.planes, images: images, to: memory.outputCodes, on: crew)
  }
}

/// Binary convolution whose accumulators become reals, `acc · unit`.
struct BinaryToReals: PlanStep {
  let name: String
  let convolution: PackedConvolution
  let unit: Float

  var packed: PackedConvolution? { convolution }
  var outputBytes: Int { convolution.window.outPixels * convolution.filters * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(memory.codes, images: images, to: .reals(memory.outputReals, unit: unit), on: crew)
  }
}

/// Max-pool of level bits; a channel whose levels fall as its value rises is held inverted.
struct LevelPool: Sendable {
  let window: Window
  let inverted: AlignedBuffer<UInt32>

  init(window: Window, inverted: [Bool], layout: CodeLayout) {
    self.window = window
    self.inverted = AlignedBuffer(count: layout.words)
    for channel in 0..<layout.channels where inverted[channel] {
      let (word, bit) = layout.position(of: channel)
      self.inverted.pointer[word] |= 1 << UInt32(bit)
    }
  }

  func run(
    _ levels: UnsafePointer<UInt32>, planes: Int, images: Int, to output: UnsafeMutablePointer<UInt32>,
    on crew: Crew
  ) {
    let call = sk_level_pool(
      window: window.cValue, input: levels, inverted: inverted.pointer, words: UInt32(inverted.count),
      planes: UInt32(planes), output: output)
    withUnsafePointer(to: call) { call in
      crew.pool.runRanges(images * window.outPixels, grain: 64) { range, _ in
        crew.kernels.level_pool(call, range.lowerBound, range.upperBound)
      }
    }
  }
}

/// Moves bits from one layout of channels to another.
struct Relayout: PlanStep {
  let name: String
  let pixels: Int
  let planes: Int
  let from: CodeLayout
  let to: CodeLayout

  var outputBytes: Int { pixels * planes * to.words * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    let (input, output) = (memory.codes, memory.outputCodes)
    crew.pool.runRanges(images * pixels * planes, grain: 64) { range, _ in
      for row in range {
        let (source, target) = (input + row * from.words, output + row * to.words)
        target.update(repeating: 0, count: to.words)
        for channel in 0..<from.channels {
          let (word, bit) = from.position(of: channel)
          let (toWord, toBit) = to.position(of: channel)
          target[toWord] |= (source[word] >> UInt32(bit) & 1) << UInt32(toBit)
        }
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Binary convolution whose accumulators become bits in the same pass.
struct BinaryToCodes: PlanStep {
  let name: String
  let convolution: PackedConvolution
  let table: PackedConvolution.LevelTable
  let layout: CodeLayout
  /// Whether a pool follows, which reads levels.
  let givesLevels: Bool

  var packed: PackedConvolution? { convolution }
  var outputBytes: Int {
    convolution.window.outPixels * (givesLevels ? table.levels : table.planes) * layout.words * 4
  }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(
      memory.codes, images: images,
      to: givesLevels ? .levels(memory.outputCodes, table) : .codes(memory.outputCodes, table), on: crew)
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
struct LevelPool: PlanStep {
  let name: String
  let window: Window
  let planes: Int
  private let inverted: AlignedBuffer<UInt32>

  var outputBytes: Int { window.outPixels * planes * inverted.count * 4 }

  init(name: String, window: Window, planes: Int, inverted: [Bool], layout: CodeLayout) {
    self.name = name
    self.window = window
    self.planes = planes
    self.inverted = AlignedBuffer(count: layout.words)
    for channel in 0..<layout.channels where inverted[channel] {
      let (word, bit) = layout.position(of: channel)
      self.inverted.pointer[word] |= 1 << UInt32(bit)
    }
  }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    defer { withExtendedLifetime(self) {} }
    let call = sk_level_pool(
      window: window.cValue, input: memory.codes, inverted: inverted.pointer, words: UInt32(inverted.count),
      planes: UInt32(planes), output: memory.outputCodes)
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

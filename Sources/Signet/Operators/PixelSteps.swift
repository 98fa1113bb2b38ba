// SPDX-License-Identifier: Apache-2.0

/// Convolution of bytes whose accumulators become bits in the same pass.
struct PixelsToCodes: PlanStep {
  let name: String
  let convolution: PixelConvolution
  let table: PixelConvolution.LevelTable
  let layout: CodeLayout
  let pool: LevelPool?

  var outputBytes: Int {
    (pool?.window.outPixels ?? convolution.window.outPixels) * table.planes * layout.words * 4
  }
  var scratchBytes: Int {
    pool == nil ? 0 : convolution.window.outPixels * table.levels * layout.words * 4
  }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    guard let pool else {
      convolution.run(memory.pixels, images: images, to: .codes(memory.outputCodes, table), on: crew)
      return
    }
    let levels = memory.scratch.assumingMemoryBound(to: UInt32.self)
    convolution.run(memory.pixels, images: images, to: .levels(levels, table), on: crew)
    pool.run(levels, planes: table.planes, images: images, to: memory.outputCodes, on: crew)
  }
}

/// Convolution of bytes whose accumulators become reals, with their activation function.
struct PixelsToReals: PlanStep {
  let name: String
  let convolution: PixelConvolution
  let table: PixelConvolution.RealTable

  var outputBytes: Int { convolution.window.outPixels * convolution.filters * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(memory.pixels, images: images, to: .reals(memory.outputReals, table), on: crew)
  }
}

extension StepMemory {
  package var pixels: UnsafeMutablePointer<UInt8> { input.assumingMemoryBound(to: UInt8.self) }
}

// SPDX-License-Identifier: Apache-2.0

/// Convolution of bytes whose accumulators become bits in the same pass.
struct PixelsToCodes: PlanStep {
  let name: String
  let convolution: PixelConvolution
  let table: PixelConvolution.LevelTable
  let layout: CodeLayout
  /// Whether a pool follows, which reads levels.
  let givesLevels: Bool

  var ofPixels: PixelConvolution? { convolution }
  var outputBytes: Int {
    convolution.window.outPixels * (givesLevels ? table.levels : table.planes) * layout.words * 4
  }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(
      memory.pixels, images: images,
      to: givesLevels ? .levels(memory.outputCodes, table) : .codes(memory.outputCodes, table), on: crew)
  }
}

/// Convolution of bytes whose accumulators become reals, with their activation function.
struct PixelsToReals: PlanStep {
  let name: String
  let convolution: PixelConvolution
  let table: PixelConvolution.RealTable

  var ofPixels: PixelConvolution? { convolution }
  var outputBytes: Int { convolution.window.outPixels * convolution.filters * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(memory.pixels, images: images, to: .reals(memory.outputReals, table), on: crew)
  }
}

extension StepMemory {
  package var pixels: UnsafeMutablePointer<UInt8> { input.assumingMemoryBound(to: UInt8.self) }
}

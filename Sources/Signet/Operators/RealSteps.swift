// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Convolution of reals, with its activation function.
struct RealConvolutionStep: PlanStep {
  let name: String
  let convolution: RealConvolution

  var outputBytes: Int { convolution.window.outPixels * convolution.filters * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(memory.reals, images: images, to: memory.outputReals, on: crew)
  }
}

/// Convolution of reals whose results become bits in the same pass.
struct RealToCodes: PlanStep {
  let name: String
  let convolution: RealConvolution
  let layout: CodeLayout
  let planes: Int

  var outputBytes: Int { convolution.window.outPixels * planes * layout.words * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    convolution.run(memory.reals, images: images, to: memory.output, on: crew)
  }
}

/// BatchNorm and binarization of reals.
struct EncodeStep: PlanStep {
  let name: String
  let pixels: Int
  let encoder: BitEncoder

  var outputBytes: Int { pixels * encoder.betas.count * encoder.layout.words * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    encoder.run(memory.reals, rows: images * pixels, to: memory.outputCodes, mask: nil, on: crew)
  }
}

/// PReLU, or ReLU with slopes of 0.
struct ActivationStep: PlanStep {
  let name: String
  let pixels: Int
  let slope: [Float]

  var outputBytes: Int { pixels * slope.count * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    let (input, output, channels) = (memory.reals, memory.outputReals, slope.count)
    crew.pool.runRanges(images * pixels, grain: 64) { range, _ in
      crew.kernels.prelu(
        input + range.lowerBound * channels, slope, output + range.lowerBound * channels, range.count,
        channels)
    }
  }
}

/// `scale[c] · x + shift[c]`.
struct AffineStep: PlanStep {
  let name: String
  let pixels: Int
  let scale: [Float]
  let shift: [Float]

  var outputBytes: Int { pixels * scale.count * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    let (input, output, channels) = (memory.reals, memory.outputReals, scale.count)
    crew.pool.runRanges(images * pixels, grain: 64) { range, _ in
      crew.kernels.affine(
        input + range.lowerBound * channels, scale, shift, output + range.lowerBound * channels, range.count,
        channels)
    }
  }
}

/// Max-pool of reals.
struct MaxPoolStep: PlanStep {
  let name: String
  let window: Window
  let channels: Int

  var outputBytes: Int { window.outPixels * channels * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    let call = sk_float_pool(
      window: window.cValue, input: memory.reals, channels: UInt32(channels), output: memory.outputReals)
    withUnsafePointer(to: call) { call in
      crew.pool.runRanges(images * window.outPixels, grain: 16) { range, _ in
        crew.kernels.float_pool(call, range.lowerBound, range.upperBound)
      }
    }
  }
}

/// Mean over an image's pixels: their sum in order, divided by their number.
struct AveragePoolStep: PlanStep {
  let name: String
  let pixels: Int
  let channels: Int

  var outputBytes: Int { channels * 4 }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    let (input, output) = (memory.reals, memory.outputReals)
    crew.pool.runRanges(images, grain: 1) { range, _ in
      for image in range {
        let mean = output + image * channels
        crew.kernels.column_sums(input + image * pixels * channels, mean, pixels, channels)
        for c in 0..<channels { mean[c] /= Float(pixels) }
      }
    }
  }
}

/// Multiplication by one number a channel: a scale layer, or the magnitudes of a layer's weights.
struct ScaleStep: PlanStep {
  let name: String
  let pixels: Int
  let factor: [Float]
  /// −0 added to a product leaves it as it is, zeros of both signs too.
  private let nothing: [Float]

  var outputBytes: Int { pixels * factor.count * 4 }

  init(name: String, pixels: Int, factor: [Float]) {
    self.name = name
    self.pixels = pixels
    self.factor = factor
    nothing = Array(repeating: -0.0, count: factor.count)
  }

  func run(_ memory: StepMemory, images: Int, on crew: Crew) {
    let (input, output, channels) = (memory.reals, memory.outputReals, factor.count)
    crew.pool.runRanges(images * pixels, grain: 64) { range, _ in
      crew.kernels.affine(
        input + range.lowerBound * channels, factor, nothing, output + range.lowerBound * channels,
        range.count, channels)
    }
  }
}

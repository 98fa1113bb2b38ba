// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining

/// Passes values on as they are, and puts one bad number into their gradient.
struct PoisonedGradient: Layer {
  let name = "poison"
  let output: FeatureShape
  let value: Float

  struct Saved: Sendable {}

  func forward(_ x: Tensor, phase: Phase, on context: ComputeContext) throws -> (Tensor, Saved) {
    (x, Saved())
  }

  func backward(
    _ gradient: Gradient, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let tensor = gradient.tensor
    // Neither the first nor the last of anything.
    let index = tensor.count / 2 + 1
    if tensor.element == .bfloat16 {
      let bits = UInt16(value.bitPattern >> 16)
      tensor.raw.storeBytes(of: bits, toByteOffset: index * 2, as: UInt16.self)
    } else {
      tensor.pointer[index] = value
    }
    return gradient.passed(tensor, slopes: gradient.slopes)
  }

  func compile(into compiler: inout ModelCompiler) throws {}
}

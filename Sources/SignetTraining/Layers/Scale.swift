// SPDX-License-Identifier: Apache-2.0

package import Signet

/// One learned factor behind a binary last layer, which brings ±K into a range that softmax can use.
///
/// - Forward: `y = s·x`. Backward: `dx = s·dy`, `ds = Σ x·dy`. Initially `s = 1/K`.
/// - Source: Tang, Hua, Wang 2017, the scale layer.
package struct Scale: Layer {
  package let name: String
  package let output: FeatureShape
  package var factor: Parameter

  package init(name: String, input: FeatureShape, initial: Float) {
    self.name = name
    output = input
    factor = Parameter(.other, count: 1, value: initial)
  }

  package mutating func forward(
    _ x: Tensor, phase: Phase, on context: ComputeContext
  ) throws -> (Tensor, Tensor) {
    let x = context.plain(x)
    let (y, s) = (context.tensor(x.images, output), factor.value.pointer[0])
    for index in 0..<x.count { y.pointer[index] = x.pointer[index] * s }
    return (y, x)
  }

  package mutating func backward(
    _ gradient: Gradient, saved x: Tensor, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Gradient? {
    let dy = gradient.tensor
    let (dx, s) = (context.tensor(x.images, output), factor.value.pointer[0])
    var sum: Double = 0
    for index in 0..<x.count {
      dx.pointer[index] = dy.pointer[index] * s
      sum += Double(x.pointer[index]) * Double(dy.pointer[index])
    }
    factor.gradient.pointer[0] = Float(sum)
    return gradient.passed(dx)
  }

  package mutating func forEachParameter(_ body: (String, inout Parameter) throws -> Void) rethrows {
    try body("factor", &factor)
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    compiler.scale(name, factor: factor.value.pointer[0])
  }
}

// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// A program compiled for the kernels: operators fused into steps, weights laid out in panels.
package struct Plan: Sendable {
  package let steps: [any PlanStep]
  /// For each step, the index of the operator whose result it gives, or helps to give: of steps that share one the last does.
  package let completed: [Int]
  package let input: FeatureShape
  /// How bytes are laid out for the first step, if that computes on bytes.
  package let pixels: PixelInput?
  package let outputs: Int

  /// Compiles a checked program for one instruction set.
  ///
  /// A convolution on integers with `threshold (max_pool)` or `(scale or affine) (prelu) (max_pool) (affine) binarize`,
  /// `pixel_convolution (affine) (prelu)`, `convolution (prelu)` and `(affine) binarize` become one step each, and a
  /// second one for the pool. The first affine is taken in where sums are in units of 1.
  package init(_ program: Program, kernels: sk_kernels) {
    var compiler = PlanCompiler(
      nodes: program.nodes, preprocessing: program.preprocessing, kernels: kernels)
    compiler.compile()
    steps = compiler.steps
    completed = compiler.completed
    input = program.input
    pixels = compiler.pixels
    outputs = program.outputs
  }

  /// Bytes of the arena for a batch: the largest step's input and output.
  package func arenaBytes(batch: Int) -> Int {
    var inputBytes = inputBytes(batch: batch)
    var widest = inputBytes
    for step in steps {
      let outputBytes = batchBytes(step.outputBytes, batch)
      widest = max(widest, inputBytes + outputBytes)
      inputBytes = outputBytes
    }
    return widest
  }

  /// Bytes of a batch as the first step reads it.
  func inputBytes(batch: Int) -> Int {
    pixels.map { batchBytes($0.imageBytes, batch) + PixelInput.slack } ?? batchBytes(input.count * 4, batch)
  }

  /// Bytes for a batch, rounded up to cache lines.
  func batchBytes(_ bytes: Int, _ batch: Int) -> Int { (bytes * batch + 63) / 64 * 64 }
}

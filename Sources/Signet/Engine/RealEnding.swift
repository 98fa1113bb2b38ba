// SPDX-License-Identifier: Apache-2.0

/// What makes reals of the accumulators of a convolution of bytes: `(affine) (prelu)`.
struct RealEnding {
  /// The last operator that was taken in.
  let index: Int
  let scale: [Float]
  let shift: [Float]
  let slope: [Float]?

  /// Reads the operators behind the convolution at `first`.
  init(_ nodes: [Program.Node], behind first: Int) {
    let filters = nodes[first].output.shape.channels
    var operators = OperatorCursor(nodes, behind: first)
    (scale, shift) =
      operators.affine() ?? (Array(repeating: 1, count: filters), Array(repeating: 0, count: filters))
    slope = operators.activation()
    index = operators.index
  }
}

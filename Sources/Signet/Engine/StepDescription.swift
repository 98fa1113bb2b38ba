// SPDX-License-Identifier: Apache-2.0

/// What a step of a plan does to one image, in the terms of the program: for reports.
package struct StepDescription: Sendable {
  package let name: String
  /// The operators that it does in one go; none if it only moves bits from one layout to another.
  package let kinds: [Operator.Kind]
  package let input: FeatureShape
  package let output: FeatureShape
  /// Its convolution's or else its pool's window.
  package let window: Window?
  package let groups: Int
  /// Planes of the bits that a binary convolution reads (M); nil for other steps.
  package let binarizations: Int?
  /// The kind of its multiply-adds, and their number for one image; nil for steps without.
  package let multiplyAdds: (kind: MultiplyAdd, count: Int)?

  package func count(of kind: MultiplyAdd) -> Int {
    multiplyAdds?.kind == kind ? multiplyAdds?.count ?? 0 : 0
  }

  /// The descriptions of a plan's steps, in order.
  package static func all(of plan: Plan, program: Program) -> [StepDescription] {
    var first = 0
    var shape = program.input
    return plan.steps.indices.map { index in
      // A second step that completes the same operator does the pool among them, or has none of its own.
      let all = first..<plan.completed[index] + 1
      var own = all
      if index + 1 < plan.steps.count, plan.steps[index + 1] is LevelPool,
        let pool = program.nodes[all].firstIndex(where: \.isPool)
      {
        own = first..<pool
      }
      let description = StepDescription(
        name: plan.steps[index].name, nodes: program.nodes[own], input: shape)
      (first, shape) = (own.upperBound, description.output)
      return description
    }
  }

  private init(name: String, nodes: ArraySlice<Program.Node>, input: FeatureShape) {
    self.name = name
    self.input = input
    kinds = nodes.map(\.kind)
    output = nodes.last?.output.shape ?? input
    let working = nodes.first { $0.multiplyAdds != nil }
    multiplyAdds = working?.multiplyAdds
    if multiplyAdds?.kind == .binary, case .codes(_, let planes, _, _)? = working?.input {
      binarizations = planes.count
    } else {
      binarizations = nil
    }
    switch (working ?? nodes.first)?.operation {
    case .convolution(let window, let groups, _, _), .binaryConvolution(let window, let groups, _),
      .pixelConvolution(let window, let groups, _):
      (self.window, self.groups) = (window, groups)
    case .maxPool(let window), .codePool(let window, _):
      (self.window, groups) = (window, 1)
    default:
      (window, groups) = (nil, 1)
    }
  }
}

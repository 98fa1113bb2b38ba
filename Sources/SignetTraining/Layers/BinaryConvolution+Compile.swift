// SPDX-License-Identifier: Apache-2.0

import Signet

/// What the layer amounts to in a compact model.
extension BinaryConvolution {
  /// What accumulators in units of the levels are multiplied with, one a filter or one for all; nil for nothing.
  package func factors(magnitudes: [Float]?) -> [Float]? {
    guard binarizer.isUnipolar else { return magnitudes }
    let step = binarizer.running.step
    return (magnitudes ?? [1]).map { $0 * step }
  }

  package func compile(into compiler: inout ModelCompiler) throws {
    let planes = binarizer.stretched(norm.running)
    compiler.affine("\(name).norm", scale: planes.scale, shift: planes.shift)
    try compiler.binarize("\(name).input", levels: binarizer.running)
    compiler.binaryConvolution(
      name, window: window, filters: output.channels, groups: groups, weight: weight,
      factors: factors(magnitudes: weights.magnitudes(of: weight)))
  }
}

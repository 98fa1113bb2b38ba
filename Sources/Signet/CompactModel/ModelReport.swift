// SPDX-License-Identifier: Apache-2.0

/// Where the bytes and the work of a compact model are, operator by operator; totals are the file's, to the byte.
package struct ModelReport: Sendable {
  package struct Row: Sendable {
    package let name: String
    package let kind: String
    /// The operator's result for one image.
    package let output: FeatureShape
    /// Weights of a convolution.
    package let weights: Int
    /// Bits of a weight in the file; 0 without weights.
    package let weightBits: Int
    /// Bytes of the operator's tensors in the file.
    package let bytes: Int
    package let binaryMACs: Int
    package let floatMACs: Int
    /// Multiply-adds of bytes.
    package let byteMACs: Int
  }

  package let rows: [Row]
  /// Bytes of the file's header: names, shapes, descriptions.
  package let headerBytes: Int
  package let fileBytes: Int

  /// Bytes of the weights alone as float32: what the compression is measured against.
  ///
  /// Biases, slopes and BatchNorm are not counted, so that the compression is a lower bound.
  package var float32Bytes: Int { rows.reduce(0) { $0 + $1.weights * 4 } }
  package var compression: Double { Double(float32Bytes) / Double(fileBytes) }
  package var binaryMACs: Int { rows.reduce(0) { $0 + $1.binaryMACs } }
  package var floatMACs: Int { rows.reduce(0) { $0 + $1.floatMACs } }
  package var byteMACs: Int { rows.reduce(0) { $0 + $1.byteMACs } }

  package init(_ model: CompactModel) {
    rows = model.program.nodes.map { node in
      var (weights, bits) = (0, 0)
      let depth: (Window, Int) -> Int = { $0.taps * node.input.shape.channels / $1 }
      switch node.operation {
      case .convolution(_, _, let weight, _):
        (weights, bits) = (weight.count, node.kind == .binaryWeightConvolution ? 1 : 32)
      case .pixelConvolution(_, _, let weight):
        (weights, bits) = (weight.count, 8)
      case .binaryConvolution(let window, let groups, _):
        (weights, bits) = (node.output.shape.channels * depth(window, groups), 1)
      default: break
      }
      let own = model.tensorBytes.reduce(0) { sum, tensor in
        let end = tensor.key.lastIndex(of: ".") ?? tensor.key.endIndex
        return tensor.key[..<end] == node.name ? sum + tensor.value : sum
      }
      let work = node.multiplyAdds
      func count(_ kind: MultiplyAdd) -> Int { work?.kind == kind ? work?.count ?? 0 : 0 }
      return Row(
        name: node.name, kind: node.kind.rawValue, output: node.output.shape, weights: weights,
        weightBits: bits, bytes: own, binaryMACs: count(.binary), floatMACs: count(.float),
        byteMACs: count(.byte))
    }
    headerBytes = model.headerBytes
    fileBytes = model.fileBytes
  }
}

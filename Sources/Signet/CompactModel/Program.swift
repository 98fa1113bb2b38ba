// SPDX-License-Identifier: Apache-2.0

/// A compact model after its checks: operators with their tensors and shapes.
package struct Program: Sendable {
  /// What flows from one operator to the next.
  package enum Flow: Hashable, Sendable {
    /// Reals; `unit` is set where they are whole multiples of it, at most `bound` of them: accumulators.
    case reals(FeatureShape, unit: Float?, bound: Int32)
    /// Codes of planes with these weights, and the value of one unit; unipolar ones count from their lowest level.
    case codes(FeatureShape, planeWeights: [Int32], unit: Float, isUnipolar: Bool)
    /// The image as bytes, with the byte that stands for 0 in each channel.
    case pixels(FeatureShape, zero: [UInt8])

    package var shape: FeatureShape {
      switch self {
      case .reals(let shape, _, _), .codes(let shape, _, _, _), .pixels(let shape, _): shape
      }
    }
  }

  package enum Operation: Sendable {
    /// Weights `[filters, kh, kw, C/groups]`; those of one bit are spelled out as ±α.
    case convolution(Window, groups: Int, weight: [Float], bias: [Float])
    /// Weight bits, dense: bit ((filter·taps + tap)·C/groups + channel).
    case binaryConvolution(Window, groups: Int, bits: [UInt32])
    /// Weights `[filters, kh, kw, C/groups]` times how far each byte lies above zero.
    case pixelConvolution(Window, groups: Int, weight: [Int8])
    /// PReLU; all slopes 0 for ReLU.
    case activation(slope: [Float])
    case maxPool(Window)
    /// Max-pool of codes with one plane; minimum where inverted.
    case codePool(Window, inverted: [Bool])
    case averagePool
    case affine(scale: [Float], shift: [Float])
    case binarize(betas: [Float])
    case threshold(low: [Int32], high: [Int32])
    case scale(Float)
    case channelScale([Float])
  }

  package struct Node: Sendable {
    package let name: String
    package let kind: Operator.Kind
    package let operation: Operation
    package let input: Flow
    package let output: Flow

    /// Whether it is a max-pool, of reals or of codes.
    package var isPool: Bool { kind == .maxPool }

    /// Whether it is a convolution, of whatever.
    package var isConvolution: Bool {
      kind == .convolution || kind == .pixelConvolution || kind == .binaryConvolution
        || kind == .binaryWeightConvolution
    }
  }

  package let nodes: [Node]
  package let input: FeatureShape
  /// How bytes become what the first operator reads, and normalised reals bytes.
  package let preprocessing: Preprocessing
  package let outputs: Int

  /// Checks operators and tensors against each other.
  /// - Throws: ``ModelFormatError`` that names the operator.
  package init(operators: [Operator], tensors: TensorArchive, preprocessing: Preprocessing) throws {
    let input = FeatureShape(
      height: preprocessing.height, width: preprocessing.width, channels: preprocessing.channels)
    func failure(_ text: String) -> ModelFormatError {
      ModelFormatError(.badMetadata, "\(text); export the model again", path: tensors.path)
    }
    guard (1...ModelLimits.operators).contains(operators.count) else {
      throw failure("the model has \(operators.count) operators, not 1…\(ModelLimits.operators)")
    }
    if let problem = ModelLimits.problem(with: input) { throw failure("the input: \(problem)") }
    var flow =
      preprocessing.zero.map { Flow.pixels(input, zero: $0) } ?? .reals(input, unit: nil, bound: 0)
    var nodes: [Node] = []
    var footprint = 0
    for entry in operators {
      let reader = OperatorReader(
        entry: entry, tensors: tensors, input: flow, previous: nodes.last?.operation)
      let (operation, output) = try reader.read()
      if let problem = ModelLimits.problem(with: output.shape) {
        throw failure("operator “\(entry.name)” (\(entry.op.rawValue)): \(problem)")
      }
      footprint += ModelLimits.footprint(
        of: operation, input: flow.shape, output: output.shape, behind: nodes)
      guard footprint <= ModelLimits.footprint else {
        throw failure("operator “\(entry.name)” (\(entry.op.rawValue)) takes the model past 8 GiB")
      }
      nodes.append(
        Node(name: entry.name, kind: entry.op, operation: operation, input: flow, output: output))
      flow = output
    }
    guard case .reals(let shape, _, _) = flow else {
      throw failure("the last operator gives bits, not logits")
    }
    self.nodes = nodes
    self.input = input
    self.preprocessing = preprocessing
    outputs = shape.count
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Files with what came with format version 2: unipolar bits, factors of channels, one-bit weights on reals.
///
/// Oracles: values worked out by hand; the code and the words of errors.
struct VersionTwoModelTests {
  private static func interpreter(
    _ width: Int, _ channels: Int, _ build: (inout CompactModelBuilder) -> Void
  ) throws -> (Interpreter, CompactModel) {
    var builder = CompactModelBuilder(
      network: "hand", method: "dorefa",
      preprocessing: Preprocessing(
        height: 1, width: width, channels: channels, mean: Array(repeating: 0, count: channels),
        deviation: Array(repeating: 1, count: channels)), classNames: [])
    build(&builder)
    let model = try CompactModel(bytes: builder.encoded(), path: "hand.signet")
    return (Interpreter(model.program), model)
  }

  /// Both the interpreter's logits and the engine's on every instruction set.
  private static func expect(
    _ logits: [Float], of input: [Float], _ model: (Interpreter, CompactModel)
  ) throws {
    #expect(model.0.run(input) == logits)
    for crew in EngineComparison.crews {
      #expect(try Engine(model.1, crew: crew, batch: 1).logits(input) == logits, "\(crew.table.isa)")
    }
  }

  /// Two bits: t = 3(z − ½) is cut at −1, 0, 1, so that 0, 0.2, 0.5, 0.9 and 7 are 0, 1, 2, 3 and 3; padding is 0.
  @Test func unipolarPlanesCountFromZero() throws {
    let model = try Self.interpreter(5, 1) {
      $0.add(Operator(.affine, "a"))
      $0.add("a.scale", shape: [1], floats: [3])
      $0.add("a.shift", shape: [1], floats: [-1.5])
      var entry = Operator(.binarize, "b")
      (entry.planes, entry.exponent, entry.unipolar) = ([2, 1], 1, true)
      $0.add(entry)
      entry = Operator(.binaryConvolution, "c")
      (entry.filters, entry.kernel, entry.padding) = (2, [1, 3], [0, 1])
      $0.add(entry)
      // Filter 0: + + +; filter 1: + − −, low bit first.
      $0.add("c.weight", words: [0b001_111])
      $0.add(Operator(.channelScale, "s"))
      $0.add("s.factor", shape: [2], floats: [0.5, -2])
    }
    // q = 0 1 2 3 3. Filter 0 sums 1 3 6 8 6; filter 1 is left − middle − right: −1 −3 −4 −4 0.
    try Self.expect([0.5, 2, 1.5, 6, 3, 8, 4, 8, 3, -0.0], of: [0, 0.2, 0.5, 0.9, 7], model)
  }

  /// A single unipolar plane stands for 0 and 2, with units of 1.
  @Test func aUnipolarPlane() throws {
    let model = try Self.interpreter(3, 1) {
      var entry = Operator(.binarize, "b")
      (entry.planes, entry.unipolar) = ([1], true)
      $0.add(entry)
      entry = Operator(.binaryConvolution, "c")
      (entry.filters, entry.kernel, entry.padding) = (1, [1, 3], [0, 1])
      $0.add(entry)
      $0.add("c.weight", words: [0b101])
    }
    // 2, 0, 2 with + − +.
    try Self.expect([-2, 4, -2], of: [1, -1, 0], model)
  }

  /// Filters + − of magnitude ½ and − − of 2.
  @Test func bitsOfWeightsOnReals() throws {
    for (magnitudes, logits) in [
      ([Float](), [Float(2), -4, 1, -5]), ([0.25], [0.5, -1, 0.25, -1.25]), ([0.5, 2], [1, -8, 0.5, -10]),
    ] {
      let model = try Self.interpreter(2, 2) {
        var entry = Operator(.binaryWeightConvolution, "c")
        (entry.filters, entry.kernel) = (2, [1, 1])
        $0.add(entry)
        $0.add("c.weight", words: [0b0001])
        if !magnitudes.isEmpty { $0.add("c.magnitude", shape: [magnitudes.count], floats: magnitudes) }
      }
      try Self.expect(logits, of: [3, 1, 3, 2], model)
      let report = ModelReport(model.1)
      #expect(report.rows[0].weightBits == 1 && report.rows[0].weights == 4)
      #expect(report.rows[0].floatMACs == 8 && report.rows[0].bytes == 4 + 4 * magnitudes.count)
    }
  }

  /// A file says version 2 only where it must.
  @Test func versions() throws {
    #expect(try CompactModelSample.sample().metadata["format_version"] == "1")
    #expect(try CompactModelSample.pixelSample().metadata["format_version"] == "1")
    let sample = try CompactModelSample.versionTwoSample()
    #expect(sample.metadata["format_version"] == "2")
    #expect(sample.failure() == nil)
  }

  @Test func damage() throws {
    func expect(
      _ code: ModelFormatError.Code, _ words: [String], _ edit: (inout CompactModelSample) throws -> Void
    ) throws {
      var sample = try CompactModelSample.versionTwoSample()
      try edit(&sample)
      let error = try #require(sample.failure())
      #expect(error.code == code, "\(error)")
      for word in words + [";"] { #expect(error.message.contains(word), "“\(word)” in: \(error)") }
    }
    let nan = withUnsafeBytes(of: Float.nan) { Array($0) }
    for tensor in ["2.signs.magnitude", "6.scales.factor"] {
      try expect(.badMetadata, [tensor.split(separator: ".").prefix(2).joined(separator: "."), "finite"]) {
        if $0.tensors[tensor] == nil { $0.tensors[tensor] = .init(type: .float32, shape: [1], bytes: nan) }
        $0.tensors[tensor]?.bytes.replaceSubrange(0..<4, with: nan)
      }
      try expect(.badShape, [tensor, "expected"]) {
        $0.tensors[tensor] = .init(type: .float32, shape: [3], bytes: Array(repeating: 0, count: 12))
      }
      try expect(.wrongType, [tensor]) {
        $0.tensors[tensor] = .init(type: .int32, shape: [1], bytes: [0, 0, 0, 0])
      }
    }
    try expect(.missingTensor, ["6.scales.factor"]) { $0.tensors["6.scales.factor"] = nil }
    try expect(.missingTensor, ["2.signs.weight"]) { $0.tensors["2.signs.weight"] = nil }
    try expect(.badShape, ["2.signs.weight"]) { $0.tensors["2.signs.weight"]?.shape = [1] }
    // Bits flow into what reads reals.
    try expect(.badMetadata, ["reads reals"]) { sample in
      var operators = try sample.operators
      operators[5].op = .binaryWeightConvolution
      try sample.setOperators(operators)
    }
  }
}

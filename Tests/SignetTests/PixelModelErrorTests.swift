// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Files with a first layer on bytes that do not fit together.
///
/// Oracle: the code and the words of the error.
struct PixelModelErrorTests {
  private let sample: CompactModelSample

  init() throws {
    sample = try CompactModelSample.pixelSample()
  }

  private func expect(
    _ words: [String], code: ModelFormatError.Code = .badMetadata,
    sourceLocation: SourceLocation = #_sourceLocation, _ edit: (inout CompactModelSample) throws -> Void
  ) throws {
    var edited = sample
    try edit(&edited)
    let error = edited.failure()
    #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    for word in words + [";"] {
      #expect(
        error?.message.contains(word) == true, "“\(word)” in: \(String(describing: error))",
        sourceLocation: sourceLocation)
    }
  }

  private func preprocessing(_ zero: String, deviation: String = "[1,1]") -> String {
    "{\"height\":6,\"width\":6,\"channels\":2,\"mean\":[0,0],\"deviation\":\(deviation),\"resize\":\"stretch\"\(zero)}"
  }

  @Test func theSampleLoads() throws {
    #expect(sample.failure() == nil)
    let model = try CompactModel(bytes: sample.encoded(), path: "sample.signet")
    #expect(model.preprocessing.zero == [128, 3])
    #expect(sample.tensors["0.pixels.weight"]?.type == .int8)
  }

  @Test func bytesNeedTheirZero() throws {
    try expect(["reads the bytes", "“zero”", "reals flow in"]) {
      $0.metadata["preprocessing"] = preprocessing("")
    }
    for zero in [",\"zero\":[1]", ",\"zero\":[]", ",\"zero\":[1,2,3]"] {
      try expect(["preprocessing"]) { $0.metadata["preprocessing"] = preprocessing(zero) }
    }
    for zero in [",\"zero\":[1,256]", ",\"zero\":[-1,0]", ",\"zero\":[0.5,0]", ",\"zero\":5"] {
      try expect(["preprocessing"]) { $0.metadata["preprocessing"] = preprocessing(zero) }
    }
    // A grey level that a float can't hold.
    try expect(["preprocessing"]) {
      $0.metadata["preprocessing"] = preprocessing(",\"zero\":[1,2]", deviation: "[1e-44,1]")
    }
  }

  @Test func onlyAPixelConvolutionReadsBytes() throws {
    for kind in [Operator.Kind.convolution, .prelu, .maxPool, .affine, .binarize, .averagePool, .threshold] {
      try expect(["“0.pixels”"]) { sample in
        var operators = try sample.operators
        operators[0].op = kind
        try sample.setOperators(operators)
      }
    }
    try expect(["reads bits, but bytes flow in"]) { sample in
      var operators = try sample.operators
      operators[0].op = .binaryConvolution
      try sample.setOperators(operators)
    }
    // A second one reads what is no image.
    try expect(["“3.binary”", "bits flow in"]) { sample in
      var operators = try sample.operators
      operators[3].op = .pixelConvolution
      try sample.setOperators(operators)
    }
  }

  @Test func weightsOutOfRange() throws {
    try expect(["−128", "−127…127"]) { $0.tensors["0.pixels.weight"]?.bytes[5] = 0x80 }
    try expect(["threshold lies outside"]) {
      // Thresholds beyond what sums can be.
      $0.tensors["1.threshold.interval"]?.bytes[3] = 0x7F
    }
    try expect(["0.pixels.weight"], code: .wrongType) { $0.tensors["0.pixels.weight"]?.type = .uint8 }
    try expect(["0.pixels.weight"], code: .badShape) { $0.tensors["0.pixels.weight"]?.shape.reverse() }
    try expect(["0.pixels.weight"], code: .missingTensor) { $0.tensors["0.pixels.weight"] = nil }
  }

  /// 1,000 weights of 127 times bytes pass 2²⁴; the same number of small ones does not.
  @Test func sumsMustStayExact() throws {
    func model(_ weight: Int8, zero: UInt8) throws -> CompactModel {
      var builder = CompactModelBuilder(
        network: "n", method: "tang",
        preprocessing: Preprocessing(
          height: 25, width: 40, channels: 1, mean: [0], deviation: [1], zero: [zero]), classNames: [])
      let window = try #require(
        Window(
          input: FeatureShape(height: 25, width: 40, channels: 1), kernel: (25, 40), stride: (1, 1),
          padding: (0, 0), rounding: .down))
      builder.add(Operator(.pixelConvolution, "c", window: window, filters: 2))
      builder.add(
        "c.weight", shape: [2, 25, 40, 1],
        int8s: Array(repeating: 0, count: 1000) + Array(repeating: weight, count: 1000))
      return try CompactModel(bytes: builder.encoded(), path: "n")
    }
    let error = #expect(throws: ModelFormatError.self) { try model(127, zero: 0) }
    #expect(error?.message.contains("filter 1") == true && error?.message.contains("2²⁴") == true)
    #expect(throws: ModelFormatError.self) { try model(-127, zero: 255) }
    // With zero in the middle, levels are half as large.
    for isa in ISA.available {
      let engine = try Engine(model(127, zero: 128), isa: isa)
      #expect(try engine.logits(pixels: Array(repeating: 0, count: 1000)) == [0, -128 * 127 * 1000])
      #expect(try engine.logits(pixels: Array(repeating: 255, count: 1000)) == [0, 127 * 127 * 1000])
    }
  }
}

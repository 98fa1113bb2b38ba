// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Files that are no compact model of this version.
///
/// Oracle: the code and the words of the error.
struct CompactModelErrorTests {
  private let sample: CompactModelSample

  init() throws {
    sample = try CompactModelSample.sample()
  }

  /// Checks that loading fails with `code`, and that the message has all of `words`, the path and a remedy.
  private func expect(
    _ code: ModelFormatError.Code, _ words: [String], withChecksum: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation, _ edit: (inout CompactModelSample) throws -> Void
  ) throws {
    var edited = sample
    try edit(&edited)
    let error = edited.failure(withChecksum: withChecksum)
    #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    guard let error else { return }
    for word in words + [";"] {
      #expect(error.message.contains(word), "“\(word)” in: \(error)", sourceLocation: sourceLocation)
    }
    #expect(error.path == "sample.signet", sourceLocation: sourceLocation)
  }

  private func expectOperator(
    _ index: Int, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation,
    _ edit: (inout Operator) -> Void
  ) throws {
    let name = try sample.operators[index].name
    try expect(.badMetadata, ["“\(name)”"] + words, sourceLocation: sourceLocation) { sample in
      var operators = try sample.operators
      edit(&operators[index])
      try sample.setOperators(operators)
    }
  }

  @Test func theSampleLoads() throws {
    #expect(sample.failure() == nil)
    #expect(try sample.operators.count == 15)
    let bytes = sample.encoded()
    let model = try CompactModel(bytes: bytes, path: "sample.signet")
    #expect(model.fileBytes == bytes.count)
    #expect(model.headerBytes + model.tensorBytes.values.reduce(0, +) == bytes.count)
  }

  @Test func foreignAndNewerFiles() throws {
    try expect(.unsupported, ["signet export"]) { $0.metadata["format"] = nil }
    try expect(.unsupported, ["not a compact model"]) { $0.metadata["format"] = "pt" }
    try expect(.unsupported, ["checkpoint", "signet export"]) { $0.metadata["format"] = "signet.checkpoint" }
    try expect(.unsupportedVersion, ["version 3", "1…2", "update"]) { $0.metadata["format_version"] = "3" }
    for version in [nil, "", "one", "0", "-1", "1.0", "99999999999999999999"] {
      try expect(.badMetadata, ["version"]) { $0.metadata["format_version"] = version }
    }
    try expect(.badMetadata, ["checksum"], withChecksum: false) { _ in }
    let foreign = SafetensorsSamples.archive()
    let error = #expect(throws: ModelFormatError.self) { try CompactModel(bytes: foreign, path: "x") }
    #expect(error?.code == .unsupported)
    let damaged = #expect(throws: ModelFormatError.self) {
      var bytes = sample.encoded()
      bytes[bytes.count - 1] ^= 1
      _ = try CompactModel(bytes: bytes, path: "x")
    }
    #expect(damaged?.code == .checksumMismatch)
  }

  @Test func metadataThatIsMissingOrGarbage() throws {
    for key in ["network", "method", "preprocessing", "operators"] {
      try expect(.badMetadata, [key == "network" || key == "method" ? "name" : key]) {
        $0.metadata[key] = nil
      }
    }
    for key in ["preprocessing", "operators", "classes"] {
      for garbage in [
        "", "null", "7", "{", "[[]]", "{\"height\":1}", "\u{0}", String(repeating: "[", count: 5000),
      ] {
        try expect(.badMetadata, [key]) { $0.metadata[key] = garbage }
      }
    }
    try expect(.badMetadata, ["2 class names", "4 logits"]) { $0.metadata["classes"] = "[\"a\",\"b\"]" }
    try expect(.badMetadata, ["operators"]) { try $0.setOperators([]) }
    try expect(.badMetadata, ["4097"]) {
      try $0.setOperators(Array(repeating: Operator(.relu, "r"), count: 4097))
    }
  }

  @Test func preprocessingThatDoesNotFit() throws {
    func text(
      _ height: String, _ width: String, _ channels: String, _ mean: String, _ deviation: String
    ) -> String {
      """
      {"height":\(height),"width":\(width),"channels":\(channels),"mean":\(mean),"deviation":\(deviation),\
      "resize":"stretch"}
      """
    }
    for bad in [
      text("0", "6", "2", "[0,0]", "[1,1]"), text("6", "-1", "2", "[0,0]", "[1,1]"),
      text("6", "6", "0", "[]", "[]"), text("6", "6", "5", "[0,0,0,0,0]", "[1,1,1,1,1]"),
      text("6", "6", "2", "[0]", "[1,1]"), text("6", "6", "2", "[0,0]", "[1]"),
      text("6", "6", "2", "[0,0]", "[1,0]"), text("6", "6", "2", "[0,0]", "[1,-1]"),
      text("6", "6", "2", "[0,1e39]", "[1,1]"), text("65537", "1", "2", "[0,0]", "[1,1]"),
      text("65536", "65536", "2", "[0,0]", "[1,1]"), text("9223372036854775807", "6", "2", "[0,0]", "[1,1]"),
      text("6.5", "6", "2", "[0,0]", "[1,1]"), text("6", "6", "2", "[0,null]", "[1,1]"),
    ] {
      try expect(.badMetadata, []) { $0.metadata["preprocessing"] = bad }
    }
  }

  @Test func tensorsThatAreMissingOrWrong() throws {
    for name in sample.tensors.keys.sorted() {
      // Without I16 thresholds, I32 ones are looked for; both are missing.
      try expect(.missingTensor, [name]) { $0.tensors[name] = nil }
      try expect(.badShape, [name]) { $0.tensors[name]?.shape.append(1) }
      try expect(.wrongType, [name]) {
        guard let bytes = $0.tensors[name]?.bytes else { return }
        $0.tensors[name] = CompactModelSample.Tensor(type: .uint8, shape: [bytes.count], bytes: bytes)
      }
      try expect(.badShape, [name]) {
        guard let type = $0.tensors[name]?.type else { return }
        $0.tensors[name] = CompactModelSample.Tensor(type: type, shape: [0], bytes: [])
      }
    }
    for (name, part) in [("0.conv.weight", "weight"), ("1.prelu.slope", "slope"), ("2.norm.shift", "shift")] {
      for bits in [Float.nan.bitPattern, Float.infinity.bitPattern, (-Float.infinity).bitPattern] {
        try expect(.badMetadata, [String(name.dropLast(part.count + 1)), part, "not finite"]) { sample in
          for i in 0..<4 {
            sample.tensors[name]?.bytes[4 + i] = UInt8(truncatingIfNeeded: bits >> UInt32(8 * i))
          }
        }
      }
    }
    try expect(.badMetadata, ["10.threshold", "outside"]) {
      $0.tensors["10.threshold.interval"]?.bytes[1] = 0x7F
    }
  }

  @Test func operatorsThatDoNotFit() throws {
    try expectOperator(0, ["kernel", "missing"]) { $0.kernel = nil }
    try expectOperator(0, ["kernel", "two numbers"]) { $0.kernel = [3] }
    try expectOperator(0, ["0×3", "6×6×2"]) { $0.kernel = [0, 3] }
    try expectOperator(0, ["9×9"]) { ($0.kernel, $0.padding) = ([9, 9], [1, 1]) }
    try expectOperator(0, ["window"]) { $0.padding = [3, 1] }
    try expectOperator(0, ["window"]) { $0.stride = [0, 1] }
    try expectOperator(0, ["filters"]) { $0.filters = nil }
    try expectOperator(0, ["filters"]) { $0.filters = 0 }
    try expectOperator(0, ["filters"]) { $0.filters = .max }
    for groups in [0, -1, 3, 4, .max, .min] { try expectOperator(0, ["groups"]) { $0.groups = groups } }
    try expectOperator(3, ["planes"]) { $0.planes = nil }
    try expectOperator(3, ["planes"]) { $0.planes = [] }
    try expectOperator(3, ["planes"]) { $0.planes = [1, 2, 3, 4, 5] }
    try expectOperator(3, ["planes"]) { $0.planes = [0, 1] }
    try expectOperator(3, ["planes"]) { $0.planes = [4097, 1] }
    try expectOperator(3, ["exponent"]) { $0.exponent = 65 }
    try expectOperator(3, ["exponent"]) { $0.exponent = .min }
    try expectOperator(3, ["single plane"]) { $0.planes = [2] }
    try expectOperator(4, ["bits", "reals"]) { $0.op = .convolution }
  }

  /// Order matters: each operator must find what it reads.
  @Test func operatorsInAnImpossibleOrder() throws {
    func expectRemoval(of indices: [Int], _ words: [String]) throws {
      try expect(.badMetadata, words) { sample in
        let operators = try sample.operators
        try sample.setOperators(operators.indices.filter { !indices.contains($0) }.map { operators[$0] })
      }
    }
    try expectRemoval(of: [3], ["4.binary", "reals flow in"])
    try expectRemoval(of: [9], ["10.threshold", "accumulators"])
    // Codes of `binarize` may not be pooled, nor pooled twice: the plan has no step for either.
    try expectRemoval(of: [9, 10], ["11.pool", "after a threshold"])
    try expect(.badMetadata, ["11.pool", "after a threshold"]) { sample in
      var operators = try sample.operators
      operators.insert(operators[11], at: 11)
      operators[11].kernel = [1, 1]
      operators[11].stride = nil
      try sample.setOperators(operators)
    }
    // A threshold reads whole accumulators only, not what an operator made of them.
    try expect(.badMetadata, ["10.threshold", "accumulators"]) { sample in
      var operators = try sample.operators
      operators.insert(Operator(.relu, "between"), at: 10)
      try sample.setOperators(operators)
    }
    try expectRemoval(of: [12, 13, 14], ["bits, not logits"])
    try expectRemoval(of: [12], ["13.mean", "bits flow in"])
  }

  /// Sizes that no machine can hold are refused before memory is asked for.
  @Test func enormousSizes() throws {
    try expectOperator(6, ["limit"]) { ($0.kernel, $0.stride, $0.padding) = ([1 << 29, 1], [1, 1], nil) }
    try expectOperator(6, ["limit"]) {
      ($0.kernel, $0.stride, $0.padding) = ([1 << 17, 1], [1, 1], [(1 << 17) - 1, 0])
    }
    // Pools that make images larger, one after the other.
    try expect(.badMetadata, ["6.pool", "limit of"]) { sample in
      var operators = try sample.operators
      (operators[6].kernel, operators[6].stride) = ([1 << 10, 1 << 10], [1, 1])
      operators[6].padding = [1023, 1023]
      operators.insert(contentsOf: Array(repeating: operators[6], count: 3), at: 6)
      try sample.setOperators(operators)
    }
    try expectOperator(9, ["padding"]) { ($0.kernel, $0.padding) = ([300, 300], [299, 299]) }
  }
}

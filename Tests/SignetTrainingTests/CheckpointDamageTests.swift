// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Each damage of a checkpoint gives an error with a code and a remedy.
///
/// Oracle: the damage done.
@Suite struct CheckpointDamageTests {
  let trainer: Trainer
  let bytes: [UInt8]

  init() throws {
    var method = Method.tang
    method.binarizations = 2
    let network = NetworkDescription(
      name: "n", layers: [.convolution("a", 3, kernel: 3), .convolution("b", 4, kernel: 1), .dense("c", nil)])
    var trainer = try Trainer(
      makeConfiguration(
        network, input: FeatureShape(height: 5, width: 4, channels: 1), classes: 2, method: method),
      stepsPerEpoch: 3)
    try trainer.trainOnNoise(steps: 2, batchSize: 4, on: makeContext())
    self.trainer = trainer
    bytes = try Checkpoint(trainer).encoded()
  }

  /// The file written again with another content.
  func rewritten(
    metadata change: (inout [String: String]) -> Void = { _ in },
    tensor: (TensorArchive.Entry) -> (shape: [Int], values: [Float])?? = { _ in .none }
  ) throws -> [UInt8] {
    let archive = try TensorArchive(bytes: bytes, path: "whole")
    var metadata = archive.metadata
    change(&metadata)
    var writer = TensorArchiveWriter(metadata: metadata)
    for entry in archive.entriesInFileOrder {
      switch tensor(entry) {
      case .none: writer.add(entry.name, shape: entry.shape, floats: try archive.floats(entry.name))
      case .some(.none): break
      case .some(.some(let (shape, values))): writer.add(entry.name, shape: shape, floats: values)
      }
    }
    return writer.encoded()
  }

  func expectFailure(
    _ damaged: [UInt8], _ code: ModelFormatError.Code, says: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: ModelFormatError.self, sourceLocation: sourceLocation) {
      try Checkpoint(bytes: damaged, path: "damaged.safetensors")
    }
    #expect(error?.code == code, "\(error?.description ?? "")", sourceLocation: sourceLocation)
    for part in says + ["damaged.safetensors"] {
      #expect(
        error?.description.contains(part) == true, "\(error?.description ?? "")",
        sourceLocation: sourceLocation)
    }
  }

  @Test func wholeFileIsRead() throws {
    #expect(try rewritten() == bytes)
    let checkpoint = try Checkpoint(bytes: bytes, path: "whole")
    #expect(checkpoint.trainer.configuration == trainer.configuration)
    #expect(checkpoint.trainer.step == 2)
    #expect(checkpoint.trainer.schedule == trainer.schedule)
  }

  @Test func otherFiles() throws {
    expectFailure([], .truncated)
    expectFailure(Array("not a model at all, but long enough".utf8), .notSafetensors)
    expectFailure(TensorArchiveWriter(metadata: [:]).encoded(), .unsupported, says: "not a checkpoint")
    expectFailure(try trainer.compactModel(), .unsupported, says: "compact model", "checkpoint.safetensors")
    let error = #expect(throws: ModelFormatError.self) { try CompactModel(bytes: bytes, path: "c") }
    #expect(error?.code == .unsupported)
    #expect(error?.description.contains("signet export") == true)
    #expect(throws: ModelFormatError.self) { try Checkpoint(path: "/nowhere/checkpoint.safetensors") }
  }

  @Test func versions() throws {
    expectFailure(
      try rewritten(metadata: { $0["format_version"] = "2" }), .unsupportedVersion, says: "version 2", "1…1")
    for version in [nil, "", "0", "-1", "one"] {
      expectFailure(try rewritten(metadata: { $0["format_version"] = version }), .badMetadata)
    }
  }

  @Test func checksum() throws {
    var damaged = bytes
    damaged[damaged.count - 1] ^= 1
    expectFailure(damaged, .checksumMismatch)
    let key = Array("sha256".utf8)
    let at = try #require(bytes.indices.first { bytes[$0...].starts(with: key) })
    damaged = bytes
    damaged[at + 5] = UInt8(ascii: "7")
    expectFailure(damaged, .badMetadata, says: "checksum")
  }

  @Test func everyTensorIsNeeded() throws {
    let names = try TensorArchive(bytes: bytes, path: "whole").tensors.keys.sorted()
    // 4 real or latent tensors of the first layer and its PReLU, and so on: all with both of Adam's moments.
    #expect(
      names.count(where: { $0.hasPrefix("parameter.") }) == names.count(where: { $0.hasPrefix("first.") }))
    #expect(names.contains("statistic.b.running_betas"))
    for name in names {
      expectFailure(
        try rewritten(tensor: { $0.name == name ? .some(.none) : .none }), .missingTensor, says: "'\(name)'")
      expectFailure(
        try rewritten(tensor: { entry in
          guard entry.name == name else { return .none }
          let count = entry.shape.reduce(1, *) + 1
          return .some(([count], Array(repeating: 1, count: count)))
        }), .badShape, says: name)
    }
  }

  @Test func anotherShapeOfTheSameSize() throws {
    expectFailure(
      try rewritten(tensor: { entry in
        entry.name == "first.b.weight" ? .some(([3, 4], Array(repeating: 0, count: 12))) : .none
      }), .badShape, says: "first.b.weight")
  }

  @Test func descriptions() throws {
    for key in ["configuration", "progress"] {
      for text in [nil, "", "{}", "[1", "null"] {
        expectFailure(try rewritten(metadata: { $0[key] = text }), .badMetadata, says: "“\(key)”")
      }
    }
    func configured(_ old: String, _ new: String, in key: String = "configuration") throws -> [UInt8] {
      #expect(try TensorArchive(bytes: bytes, path: "w").metadata[key]?.contains(old) == true, "\(old)")
      return try rewritten(metadata: { metadata in
        let parts = metadata[key]?.split(separator: old, omittingEmptySubsequences: false) ?? []
        metadata[key] = parts.joined(separator: new)
      })
    }
    expectFailure(try configured("\"binarizations\":2", "\"binarizations\":9"), .badMetadata, says: "method")
    expectFailure(try configured("\"kernel\":3", "\"kernel\":9"), .badMetadata, says: "network", "“a”", "9×9")
    expectFailure(try configured("\"mean\":[0.5]", "\"mean\":[]"), .badMetadata, says: "preprocessing")
    expectFailure(try configured("bipolar", "tripolar"), .badMetadata)
    expectFailure(try configured("\"batchSize\":8", "\"batchSize\":0"), .badMetadata)
    for step in ["-1", "9223372036854775807"] {
      for key in ["step", "epoch", "totalSteps", "halvings"] {
        let old = ["step": "2", "epoch": "0", "totalSteps": "12", "halvings": "0"][key] ?? ""
        expectFailure(
          try configured("\"\(key)\":\(old)", "\"\(key)\":\(step)", in: "progress"), .badMetadata)
      }
    }
  }

  @Test func truncated() throws {
    for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 300)) {
      #expect(throws: ModelFormatError.self) { try Checkpoint(bytes: Array(bytes[..<count]), path: "cut") }
    }
    #expect(throws: ModelFormatError.self) { try Checkpoint(bytes: bytes + [0], path: "long") }
  }

  /// Any byte of the header changed: an error of the format, or a checkpoint that can be written again.
  @Test func mutatedHeader() throws {
    let header = try TensorArchive(bytes: bytes, path: "whole").headerSize
    var random = SplitMix64(seed: 95)
    var refused = 0
    for _ in 0..<3000 {
      var damaged = bytes
      let at = random.index(below: header)
      damaged[at] =
        random.index(below: 2) == 0
        ? UInt8(ascii: "0") + UInt8(random.index(below: 10)) : UInt8(random.index(below: 256))
      do {
        var loaded = try Checkpoint(bytes: damaged, path: "mutated").trainer
        loaded.network.forEachStatistic { _, values in #expect(!values.isEmpty) }
        _ = try Checkpoint(loaded).encoded()
      } catch is ModelFormatError {
        refused += 1
      }
    }
    #expect(refused > 1000)
  }
}

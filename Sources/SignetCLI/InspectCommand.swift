// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetTraining

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show where a model's bytes and work are, layer by layer; totals are the file's, to the byte.")

  @Argument(help: "A compact model or a checkpoint; leave it out to inspect an untrained network.")
  var model: String?

  @OptionGroup var network: NetworkOptions
  @OptionGroup var output: OutputOptions

  @Option(help: "Write the untrained network's compact model to this file as well.")
  var write: String?

  struct Layer: Encodable {
    let name: String
    let kind: String
    let output: [Int]
    let weights: Int
    let weightBits: Int
    let bytes: Int
    let binaryMacs: Int
    let floatMacs: Int
    let byteMacs: Int
  }

  struct Result: Encodable {
    let network: String
    let method: String
    let layers: [Layer]
    let headerBytes: Int
    let fileBytes: Int
    let float32Bytes: Int
    let compression: Double
    let binaryMacs: Int
    let floatMacs: Int
    let byteMacs: Int
  }

  func validate() throws {
    try network.validate(beside: model)
    guard write == nil || model == nil else { throw ValidationError("--write goes with --network") }
  }

  func run() throws {
    let compact: CompactModel
    if let model {
      compact = try Self.load(model)
    } else {
      let bytes = try network.untrainedModel()
      compact = try CompactModel(bytes: bytes, path: write ?? "the untrained model")
      if let write { try bytes.withUnsafeBytes { try AtomicFile.write($0, to: write) } }
    }
    let report = ModelReport(compact)
    let result = Result(
      network: compact.network, method: compact.method,
      layers: report.rows.map {
        Layer(
          name: $0.name, kind: $0.kind, output: [$0.output.height, $0.output.width, $0.output.channels],
          weights: $0.weights, weightBits: $0.weightBits, bytes: $0.bytes, binaryMacs: $0.binaryMACs,
          floatMacs: $0.floatMACs, byteMacs: $0.byteMACs)
      }, headerBytes: report.headerBytes, fileBytes: report.fileBytes, float32Bytes: report.float32Bytes,
      compression: report.compression, binaryMacs: report.binaryMACs, floatMacs: report.floatMACs,
      byteMacs: report.byteMACs)
    try output.print(result) { show(result) }
  }

  /// A compact model, or a checkpoint compiled into one.
  private static func load(_ path: String) throws -> CompactModel {
    let archive = try TensorArchive(
      path: path, verifyingChecksum: false,
      remedy: path.hasSuffix(".safetensors") ? Checkpoint.remedy : TensorArchive.remedy)
    guard archive.metadata["format"] == Checkpoint.format else { return try CompactModel(path: path) }
    return try CompactModel(bytes: Checkpoint(path: path).trainer.compactModel(), path: path)
  }

  private func show(_ result: Result) {
    print("\(result.network) by \(result.method)")
    print(
      "operator".padded(22, right: false) + "kind".padded(27, right: false) + "output".padded(14)
        + "weights".padded(11)
        + "bits".padded(5) + "bytes".padded(11) + "binary MAC".padded(14) + "float MAC".padded(13)
        + "byte MAC".padded(13))
    for layer in result.layers {
      print(
        layer.name.padded(22, right: false) + layer.kind.padded(27, right: false)
          + layer.output.map(String.init).joined(separator: "×").padded(14)
          + (layer.weights == 0 ? "" : String(layer.weights)).padded(11)
          + (layer.weights == 0 ? "" : String(layer.weightBits)).padded(5) + String(layer.bytes).padded(11)
          + (layer.binaryMacs == 0 ? "" : String(layer.binaryMacs)).padded(14)
          + (layer.floatMacs == 0 ? "" : String(layer.floatMacs)).padded(13)
          + (layer.byteMacs == 0 ? "" : String(layer.byteMacs)).padded(13))
    }
    print("header".padded(49, right: false) + String(result.headerBytes).padded(41))
    print("file bytes       \(result.fileBytes)")
    print("float32 bytes    \(result.float32Bytes) (weights alone)")
    print("compression      \(String.fixed(result.compression, 2))×")
  }
}

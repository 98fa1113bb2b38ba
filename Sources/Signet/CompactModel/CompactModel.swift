// SPDX-License-Identifier: Apache-2.0

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A trained network in its compact form: what a `.signet` file holds.
///
/// The file is a valid safetensors file: weights as packed bits, thresholds as integers, and everything that describes
/// them (operators, preprocessing, class names) as JSON in `__metadata__`.
public struct CompactModel: Sendable {
  /// The format version that this build writes; it reads versions up to this one.
  public static let formatVersion = 1

  /// The network's name, for instance `nin-small`.
  public let network: String
  /// The method that it was trained by, for instance `tang`.
  public let method: String
  /// How an image becomes its input.
  public let preprocessing: Preprocessing
  /// Names of the classes, in the order of the logits; empty if the file has none.
  public let classNames: [String]
  /// Bytes of the file.
  public let fileBytes: Int
  /// Bytes of the file that are not tensors: the header with all descriptions.
  package let headerBytes: Int
  /// Bytes of each tensor in the file.
  package let tensorBytes: [String: Int]
  package let operators: [Operator]
  package let program: Program

  /// Loads and checks a file.
  /// - Throws: ``ModelFormatError`` if it is damaged, foreign, or of a newer version.
  public init(path: String) throws {
    try self.init(archive: TensorArchive(path: path))
  }

  /// Checks a file's bytes; `path` is used in messages.
  package init(bytes: [UInt8], path: String) throws {
    try self.init(archive: TensorArchive(bytes: bytes, path: path))
  }

  private init(archive: TensorArchive) throws {
    func failure(_ code: ModelFormatError.Code, _ text: String) -> ModelFormatError {
      ModelFormatError(code, text, path: archive.path)
    }
    let format = archive.metadata["format"]
    guard format == Keys.format else {
      throw failure(
        .unsupported,
        format == "signet.checkpoint"
          ? "this is a checkpoint, not a compact model; export it with `signet export`"
          : "this safetensors file is not a compact model of Signet; export one with `signet export`")
    }
    guard let version = archive.metadata["format_version"].flatMap(Int.init), version >= 1 else {
      throw failure(.badMetadata, "the format version is missing; export the model again")
    }
    guard version <= Self.formatVersion else {
      throw failure(
        .unsupportedVersion,
        "the file has format version \(version), this build reads 1…\(Self.formatVersion); update Signet or export the model again"
      )
    }
    guard archive.metadata["sha256"] != nil else {
      throw failure(.badMetadata, "the checksum is missing; export the model again")
    }
    func decoded<T: Decodable>(_ key: String, as type: T.Type) throws -> T {
      guard let text = archive.metadata[key] else {
        throw failure(.badMetadata, "metadata has no “\(key)”; export the model again")
      }
      do {
        return try JSONDecoder().decode(type, from: Data(text.utf8))
      } catch {
        throw failure(.badMetadata, "metadata “\(key)” can't be read: \(error); export the model again")
      }
    }
    guard let network = archive.metadata["network"], let method = archive.metadata["method"] else {
      throw failure(.badMetadata, "the network's name or its method is missing; export the model again")
    }
    (self.network, self.method) = (network, method)
    preprocessing = try decoded("preprocessing", as: Preprocessing.self)
    classNames = archive.metadata["classes"] == nil ? [] : try decoded("classes", as: [String].self)
    operators = try decoded("operators", as: [Operator].self)
    let (p, limit) = (preprocessing, 1 << 16)
    guard (1...limit).contains(p.height), (1...limit).contains(p.width), (1...4).contains(p.channels),
      p.mean.count == p.channels, p.deviation.count == p.channels, p.mean.allSatisfy(\.isFinite),
      p.deviation.allSatisfy({ $0.isFinite && $0 > 0 })
    else { throw failure(.badMetadata, "the preprocessing does not fit together; export the model again") }
    program = try Program(
      operators: operators, tensors: archive,
      input: FeatureShape(height: p.height, width: p.width, channels: p.channels))
    guard classNames.isEmpty || classNames.count == program.outputs else {
      throw failure(
        .badMetadata, "\(classNames.count) class names for \(program.outputs) logits; export the model again")
    }
    fileBytes = archive.fileSize
    tensorBytes = archive.tensors.mapValues { $0.byteRange.count }
    headerBytes = archive.fileSize - tensorBytes.values.reduce(0, +)
  }

  enum Keys {
    static let format = "signet.compact"
  }
}

/// Collects what a compact model's file will hold.
package struct CompactModelBuilder {
  package var network: String
  package var method: String
  package var preprocessing: Preprocessing
  package var classNames: [String]
  package private(set) var operators: [Operator] = []
  private var tensors: [(TensorArchiveWriter) -> TensorArchiveWriter] = []

  package init(network: String, method: String, preprocessing: Preprocessing, classNames: [String]) {
    self.network = network
    self.method = method
    self.preprocessing = preprocessing
    self.classNames = classNames
  }

  package mutating func add(_ entry: Operator) { operators.append(entry) }

  package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
    tensors.append { writer in
      var writer = writer
      writer.add(name, shape: shape, floats: floats)
      return writer
    }
  }

  package mutating func add(_ name: String, words: [UInt32]) {
    tensors.append { writer in
      var writer = writer
      writer.add(name, shape: [words.count], words: words)
      return writer
    }
  }

  /// Adds thresholds in the smallest type that holds them; `bound` depends on the shape alone, so that the size does too.
  package mutating func add(_ name: String, shape: [Int], integers: [Int32], bound: Int32) {
    tensors.append { writer in
      var writer = writer
      if bound < Int32(Int16.max) {
        writer.add(name, shape: shape, int16s: integers.map { Int16(truncatingIfNeeded: $0) })
      } else {
        writer.add(name, shape: shape, int32s: integers)
      }
      return writer
    }
  }

  /// The file's bytes: the same for the same model, always.
  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text<T: Encodable>(_ value: T) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var metadata = [
      "format": CompactModel.Keys.format,
      "format_version": String(CompactModel.formatVersion),
      "network": network,
      "method": method,
      "preprocessing": try text(preprocessing),
      "operators": try text(operators),
    ]
    if !classNames.isEmpty { metadata["classes"] = try text(classNames) }
    return tensors.reduce(TensorArchiveWriter(metadata: metadata)) { $1($0) }.encoded()
  }
}

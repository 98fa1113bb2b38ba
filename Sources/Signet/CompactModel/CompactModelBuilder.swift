// SPDX-License-Identifier: Apache-2.0

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Collects what a compact model's file will hold.
package struct CompactModelBuilder {
  package var network: String
  package var method: String
  package var preprocessing: Preprocessing
  package var classNames: [String]
  package private(set) var operators: [Operator] = []
  private var writer = TensorArchiveWriter(metadata: [:])
  /// Tensors of single bytes come last, so that all others stay aligned.
  private var bytes: [(name: String, shape: [Int], values: [Int8])] = []

  package init(network: String, method: String, preprocessing: Preprocessing, classNames: [String]) {
    self.network = network
    self.method = method
    self.preprocessing = preprocessing
    self.classNames = classNames
  }

  package mutating func add(_ entry: Operator) { operators.append(entry) }

  package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
    writer.add(name, shape: shape, floats: floats)
  }

  package mutating func add(_ name: String, words: [UInt32]) {
    writer.add(name, shape: [words.count], words: words)
  }

  package mutating func add(_ name: String, shape: [Int], int8s: [Int8]) {
    bytes.append((name, shape, int8s))
  }

  /// Adds thresholds in the smallest type that holds them.
  ///
  /// `bound` depends on the shape alone, so that the size of the file does too.
  package mutating func add(_ name: String, shape: [Int], integers: [Int32], bound: Int32) {
    if bound < Int32(Int16.max) {
      writer.add(name, shape: shape, int16s: integers.map { Int16(truncatingIfNeeded: $0) })
    } else {
      writer.add(name, shape: shape, int32s: integers)
    }
  }

  /// The file's bytes: the same for the same model, always.
  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text<T: Encodable>(_ value: T) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var writer = writer
    writer.metadata = [
      "format": CompactModel.format,
      "format_version": String(operators.map(\.formatVersion).max() ?? 1),
      "network": network,
      "method": method,
      "preprocessing": try text(preprocessing),
      "operators": try text(operators),
    ]
    if !classNames.isEmpty { writer.metadata["classes"] = try text(classNames) }
    for tensor in bytes { writer.add(tensor.name, shape: tensor.shape, int8s: tensor.values) }
    return writer.encoded()
  }
}

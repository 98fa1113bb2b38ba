// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Yams

/// A network by name or from a YAML file; what is wrong in a file is told with its line.
struct NetworkFile {
  let description: NetworkDescription
  /// Path and line of each layer, if it comes from a file.
  private var path: String?
  private var lines: [Int] = []

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// A built-in network's name, or a file's path.
  init(_ name: String) throws {
    if let known = NetworkDescription.builtIn.first(where: { $0.name == name }) {
      description = known
      return
    }
    let looksLikeFile = name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml")
    guard looksLikeFile || FileManager.default.fileExists(atPath: name) else {
      throw Failure(
        description:
          "no network is called “\(name)”; there are \(NetworkDescription.builtIn.map(\.name).joined(separator: ", ")), or give a YAML file"
      )
    }
    path = name
    let text = String(decoding: try AtomicFile.read(name), as: UTF8.self)
    let node: Node
    do {
      guard let composed = try Yams.compose(yaml: text) else {
        throw Failure(description: "\(name): the file is empty; write “name:” and “layers:”")
      }
      node = composed
    } catch let error as YamlError {
      throw Failure(description: "\(name): not valid YAML: \(error)")
    }
    try Self.check(node, path: name)
    let layers = node.mapping?["layers"]?.sequence
    lines = layers?.map { $0.mark?.line ?? 0 } ?? []
    do {
      description = try YAMLDecoder().decode(NetworkDescription.self, from: text)
    } catch let error as DecodingError {
      throw Self.failure(error, path: name, lines: lines)
    }
  }

  /// Works the shapes out; a layer that does not fit is told with its line.
  func layout(input: FeatureShape, classes: Int) throws -> NetworkLayout {
    do {
      return try NetworkLayout(description, input: input, classes: classes)
    } catch let error as NetworkError {
      guard let path else { throw error }
      let line = error.layer.flatMap { $0 < lines.count ? lines[$0] : nil }
      throw Failure(description: "\(path)\(line.map { ":\($0)" } ?? ""): \(error)")
    }
  }

  /// Finds keys that mean nothing: a misspelt option must not be passed over.
  private static func check(_ node: Node, path: String) throws {
    let networkKeys: Set = ["name", "input", "layers"]
    let layerKeys: Set = ["type", "name", "filters", "kernel", "stride", "padding", "groups"]
    func check(_ mapping: Node.Mapping?, _ known: Set<String>, line: Int?, what: String) throws {
      guard let mapping else {
        throw Failure(
          description: "\(path):\(line ?? 1): \(what) must be a mapping with \(known.sorted().joined(separator: ", "))")
      }
      for (key, _) in mapping {
        guard let name = key.string, known.contains(name) else {
          throw Failure(
            description:
              "\(path):\(key.mark?.line ?? line ?? 1): unknown key “\(key.string ?? "?")” in \(what); there are \(known.sorted().joined(separator: ", "))"
          )
        }
      }
    }
    try check(node.mapping, networkKeys, line: node.mark?.line, what: "the network")
    for (index, layer) in (node.mapping?["layers"]?.sequence.map(Array.init) ?? []).enumerated() {
      try check(layer.mapping, layerKeys, line: layer.mark?.line, what: "layer \(index + 1)")
    }
  }

  private static func failure(_ error: DecodingError, path: String, lines: [Int]) -> Failure {
    let context: DecodingError.Context
    var what = ""
    switch error {
    case .keyNotFound(let key, let found): (context, what) = (found, "“\(key.stringValue)” is missing")
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found): context = found
    @unknown default: return Failure(description: "\(path): \(error)")
    }
    if what.isEmpty {
      let key = context.codingPath.last?.stringValue ?? "the file"
      what = "“\(key)” can't be read: \(context.debugDescription)"
      if key == "type" {
        let kinds = LayerDescription.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        what = "unknown layer type; there are \(kinds)"
      }
    }
    let layer = context.codingPath.compactMap(\.intValue).first
    let line = layer.flatMap { $0 < lines.count ? lines[$0] : nil }
    return Failure(
      description: "\(path)\(line.map { ":\($0)" } ?? ""): \(layer.map { "layer \($0 + 1): " } ?? "")\(what)")
  }
}

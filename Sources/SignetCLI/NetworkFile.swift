// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Yams

/// A network by name or from a YAML file; what is wrong in a file is told with its line.
struct NetworkFile {
  private(set) var description: NetworkDescription
  /// Path and line of each layer, if it comes from a file.
  private var path: String?
  private var lines: [Int] = []

  struct Failure: Error, CustomStringConvertible {
    let description: String

    /// Names and values come from a file, so the text is made printable.
    init(_ text: String) { description = text.printable(limit: 1000) }
  }

  /// What gives the size of a network's input, where the network itself may have one.
  enum InputSource {
    case data
    case option
  }

  /// A network that is known already.
  init(_ description: NetworkDescription) {
    self.description = description
  }

  /// A built-in network's name, or a file's path; `width`, if given, in place of the file's own.
  init(_ name: String, width: Float?) throws {
    try self.init(name)
    if let width { description.width = width }
    // One way to write it, so that equal networks compare as such.
    if description.width == 1 { description.width = nil }
  }

  private init(_ name: String) throws {
    if let known = NetworkDescription.builtIn.first(where: { $0.name == name }) {
      description = known
      return
    }
    let looksLikeFile = name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml")
    guard looksLikeFile || FileManager.default.fileExists(atPath: name) else {
      throw Failure(
        "no network is called “\(name)”; there are \(NetworkDescription.builtIn.map(\.name).joined(separator: ", ")), or give a YAML file"
      )
    }
    path = name
    let text = try NetworkText.read(name)
    let node: Node
    do {
      guard let composed = try Yams.compose(yaml: text) else {
        throw Failure("\(name): the file is empty; write “name:” and “layers:”")
      }
      node = composed
    } catch let error as YamlError {
      throw NetworkText.failure(error, path: name)
    }
    guard NetworkText.count(of: node, below: NetworkText.nodes) < NetworkText.nodes else {
      throw Failure(
        "\(name): has more than \(NetworkText.nodes) values, the most of a network's description")
    }
    try Self.check(node, path: name)
    let layers = node.mapping?["layers"]?.sequence
    lines = layers?.map { $0.mark?.line ?? 0 } ?? []
    do {
      description = try YAMLDecoder().decode(NetworkDescription.self, from: text)
    } catch let error as DecodingError {
      throw Self.failure(error, path: name, node: node)
    }
  }

  /// Works the shapes out; a layer that does not fit is told with its line.
  func layout(
    input: FeatureShape, classes: Int, from source: InputSource = .data
  ) throws -> NetworkLayout {
    try check(input, from: source)
    do {
      return try NetworkLayout(description, input: input, classes: classes)
    } catch let error as NetworkError {
      guard let path else { throw error }
      let line = error.layer.flatMap { $0 < lines.count ? lines[$0] : nil }
      throw Failure("\(path)\(line.map { ":\($0)" } ?? ""): \(error)")
    }
  }

  /// Refuses an input of another size than the network's own; what to do depends on where both come from.
  private func check(_ input: FeatureShape, from source: InputSource) throws {
    guard let own = description.input, own != [input.height, input.width, input.channels] else { return }
    let size = own.map(String.init).joined(separator: "×")
    let names = NetworkDescription.builtIn.filter { $0.input == nil }.map(\.name)
    let free = "\(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")"
    let folder = "folder:DIR, whose pictures are brought to that size"
    switch (path, source) {
    case (nil, .data):
      throw Failure(
        "network “\(description.name)” needs images of \(size), the data has \(input); use \(free), which take other sizes, or \(folder)"
      )
    case (nil, .option):
      throw Failure(
        "network “\(description.name)” needs an input of \(size), not \(input); leave --input out, or use \(free)"
      )
    case (let path?, .data):
      throw Failure(
        "\(path): its “input” is \(size), the data has \(input); leave “input” out, or use \(folder)")
    case (let path?, .option):
      throw Failure("\(path): its “input” is \(size), not \(input); leave --input or “input” out")
    }
  }

  /// Finds keys that mean nothing: a misspelt option must not be passed over.
  private static func check(_ node: Node, path: String) throws {
    let networkKeys: Set = ["name", "input", "width", "layers"]
    let layerKeys: Set = ["type", "name", "filters", "kernel", "stride", "padding", "groups"]
    func check(_ mapping: Node.Mapping?, _ known: Set<String>, line: Int?, what: String) throws {
      guard let mapping else {
        throw Failure(
          "\(path):\(line ?? 1): \(what) must be a mapping with \(known.sorted().joined(separator: ", "))")
      }
      for (key, _) in mapping {
        guard let name = key.string, known.contains(name) else {
          throw Failure(
            "\(path):\(key.mark?.line ?? line ?? 1): unknown key “\((key.string ?? "?").printable(limit: 40))” in \(what); there are \(known.sorted().joined(separator: ", "))"
          )
        }
      }
    }
    try check(node.mapping, networkKeys, line: node.mark?.line, what: "the network")
    if let input = node.mapping?["input"] {
      let sizes = input.sequence?.map { $0.int ?? 0 } ?? []
      guard sizes.count == 3, sizes.allSatisfy({ (1...65536).contains($0) }), [1, 3].contains(sizes[2]) else {
        throw Failure(
          "\(path):\(input.mark?.line ?? 1): “input” must be [height, width, channels] with 1 or 3 channels, for instance [28, 28, 1]"
        )
      }
    }
    if let width = node.mapping?["width"] {
      let possible = NetworkDescription.widths
      guard let value = width.float, possible.contains(Float(value)) else {
        throw Failure(
          "\(path):\(width.mark?.line ?? 1): “width” must be a number from \(possible.lowerBound) to \(possible.upperBound)"
        )
      }
    }
    if let layers = node.mapping?["layers"], layers.sequence == nil {
      throw Failure(
        "\(path):\(layers.mark?.line ?? 1): “layers” must be a list, for instance “- {type: dense}”")
    }
    for (index, layer) in (node.mapping?["layers"]?.sequence.map(Array.init) ?? []).enumerated() {
      try check(layer.mapping, layerKeys, line: layer.mark?.line, what: "layer \(index + 1)")
    }
  }

  private static func failure(_ error: DecodingError, path: String, node: Node) -> Failure {
    let context: DecodingError.Context
    var what = ""
    switch error {
    case .keyNotFound(let key, let found): (context, what) = (found, "“\(key.stringValue)” is missing")
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found): context = found
    @unknown default: return Failure("\(path): \(error)")
    }
    let layer = context.codingPath.compactMap(\.intValue).first
    let found = layer.flatMap { node.mapping?["layers"]?.sequence?[$0] } ?? node
    let key = context.codingPath.last { $0.intValue == nil }?.stringValue ?? "layers"
    if what.isEmpty {
      let value = found.mapping?[key]?.scalar.map { "“\($0.string.printable(limit: 40))”" }
      let not = value.map { ", not \($0)" } ?? ""
      what =
        switch key {
        case "type":
          "unknown layer type\(value.map { " \($0)" } ?? ""); there are \(LayerDescription.Kind.allCases.map(\.rawValue).joined(separator: ", "))"
        case "name": "“name” must be text"
        case "kernel", "stride", "padding":
          "“\(key)” must be a whole number or two of them, for instance [3, 1]\(not)"
        default: "“\(key)” must be a whole number\(not)"
        }
    }
    // The line of the key's value, or of what it is missing in.
    let line = (found.mapping?[key] ?? found).mark?.line ?? 1
    return Failure("\(path):\(line): \(layer.map { "layer \($0 + 1): " } ?? "")\(what)")
  }
}

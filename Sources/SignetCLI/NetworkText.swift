// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Yams

/// The text of a network file, and what is said of a file that is none.
enum NetworkText {
  /// The most characters of a file that a message repeats.
  static let quoted = 200

  /// The largest file, in bytes, and the most keys and values in it, of which none is an alias; the built-in networks have below
  /// 2,000 bytes and 200 of these.
  static let fileBytes = 1 << 20
  static let nodes = 100_000

  /// Reads a file as text; of a model, a picture or anything else that is no text, nothing is repeated but what it is.
  static func read(_ path: String) throws -> String {
    let advice = "--network takes a name or a YAML file"
    guard let bytes = try AtomicFile.read(path, limit: fileBytes) else {
      throw NetworkFile.Failure(
        "\(path): has more bytes than the \(fileBytes) of a network's description; \(advice), and `signet inspect FILE` shows a model or checkpoint"
      )
    }
    if let archive = try? TensorArchive(bytes: bytes, path: path, verifyingChecksum: false) {
      let kind =
        switch archive.metadata["format"] {
        case Checkpoint.format: "a checkpoint"
        case CompactModel.format: "a compact model"
        default: "a safetensors file"
        }
      throw NetworkFile.Failure(
        "\(path): this is \(kind), not a network's description; \(advice), and `signet inspect FILE` shows a model or checkpoint"
      )
    }
    // Tab, line feed and carriage return are the only control characters of ASCII that YAML allows.
    let isPlain = bytes.allSatisfy { $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    guard isPlain, let text = String(validating: bytes, as: UTF8.self) else {
      throw NetworkFile.Failure("\(path): this is not text in UTF-8, or has control characters; \(advice)")
    }
    try checkHasNoAnchor(bytes, path: path)
    return text
  }

  /// Refuses `&name`: an alias of it stands for its values, and a few aliases of aliases for more than there is memory or time for.
  ///
  /// The parser compares keys with all that is in them, so that it is too late behind it. An anchor begins where no word goes on;
  /// text in quotes and comments that looks like one is refused as well.
  private static func checkHasNoAnchor(_ bytes: [UInt8], path: String) throws {
    func isOfWord(_ byte: UInt8) -> Bool {
      let character = Character(Unicode.Scalar(byte))
      return byte < 0x80 && (character.isLetter || character.isNumber || character == "_")
    }
    for place in bytes.indices.dropLast() where bytes[place] == UInt8(ascii: "&") {
      guard isOfWord(bytes[place + 1]) || bytes[place + 1] == UInt8(ascii: "-"),
        place == 0 || !isOfWord(bytes[place - 1])
      else { continue }
      let line = bytes[..<place].count { $0 == UInt8(ascii: "\n") } + 1
      let name = String(decoding: bytes[place...].prefix { !" \t\r\n".utf8.contains($0) }, as: UTF8.self)
      throw NetworkFile.Failure(
        "\(path):\(line): “\(name.printable(limit: 40))” is an anchor, which a network's description does not take: write its values out; in text, put a space behind the “&”"
      )
    }
  }

  /// How many values a node has with all in it, counted up to a limit.
  static func count(of node: Node, below limit: Int) -> Int {
    var (count, open) = (0, [node])
    while let node = open.popLast(), count < limit {
      count += 1
      switch node {
      case .scalar, .alias: continue
      case .sequence(let sequence): open += sequence.prefix(limit)
      case .mapping(let mapping): open += mapping.prefix(limit).flatMap { [$0.key, $0.value] }
      }
    }
    return count
  }

  /// Line, problem and the line's text: the parser's own message repeats more of the file, as it is.
  static func failure(_ error: YamlError, path: String) -> NetworkFile.Failure {
    switch error {
    case .scanner(let context, let problem, let mark, let text),
      .parser(let context, let problem, let mark, let text),
      .composer(let context, let problem, let mark, let text):
      let lines = text.split(separator: "\n", maxSplits: mark.line, omittingEmptySubsequences: false)
      let line = (mark.line >= 1 && mark.line <= lines.count ? String(lines[mark.line - 1]) : "")
        .printable(limit: quoted)
      let around = context.map { " \($0.text) in line \($0.mark.line)" } ?? ""
      return NetworkFile.Failure(
        "\(path):\(mark.line): not valid YAML: \(problem)\(around)" + (line.isEmpty ? "" : ": “\(line)”"))
    case .duplicatedKeysInMapping(let keys, let context):
      let names = keys.sorted().map { "“\($0.printable(limit: 40))”" }.joined(separator: ", ")
      return NetworkFile.Failure(
        "\(path):\(context.mark.line): not valid YAML: duplicated \(keys.count == 1 ? "key" : "keys") \(names)"
      )
    case .reader(let problem, _, _, _):
      return NetworkFile.Failure("\(path): not valid YAML: \(problem)")
    default:
      return NetworkFile.Failure("\(path): not valid YAML: \(error)")
    }
  }
}

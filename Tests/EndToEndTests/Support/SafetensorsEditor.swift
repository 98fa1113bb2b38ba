// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Testing

/// A safetensors file taken apart by other code than the project's, to be damaged and put together again.
struct SafetensorsEditor {
  var header: [String: Any]
  var data: [UInt8]

  init(path: String) throws {
    let file = try Workspace.read(path)
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let value = try JSONSerialization.jsonObject(with: Data(file[8..<8 + length]))
    header = try #require(value as? [String: Any])
    data = Array(file[(8 + length)...])
  }

  var metadata: [String: Any] {
    get { header["__metadata__"] as? [String: Any] ?? [:] }
    set { header["__metadata__"] = newValue }
  }

  /// Tensor names in the order of the alphabet.
  var tensors: [String] { header.keys.filter { $0 != "__metadata__" }.sorted() }

  /// Changes a tensor's description.
  mutating func edit(_ tensor: String, _ key: String, _ value: Any) throws {
    var entry = try #require(header[tensor] as? [String: Any])
    entry[key] = value
    header[tensor] = entry
  }

  /// Changes the JSON text that is in a metadata value.
  mutating func edit<Content>(_ key: String, as type: Content.Type, _ change: (inout Content) throws -> Void)
    throws
  {
    let text = try #require(metadata[key] as? String)
    var content = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? Content)
    try change(&content)
    metadata[key] = String(decoding: try JSONSerialization.data(withJSONObject: content), as: UTF8.self)
  }

  /// The file, with a header digest that fits what was changed; `sealed: false` keeps the old one.
  func encoded(sealed: Bool = true) throws -> [UInt8] {
    var header = header
    if sealed, var texts = metadata as? [String: String] {
      let entries = tensors.map { name in
        let entry = header[name] as? [String: Any]
        return (name, entry?["dtype"] as? String ?? "", entry?["shape"] as? [Int] ?? [])
      }
      texts["header_sha256"] = HeaderDigest.hexDigest(metadata: texts, tensors: entries)
      if header["__metadata__"] != nil { header["__metadata__"] = texts }
    }
    let json = Array(try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys]))
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json + data
  }
}

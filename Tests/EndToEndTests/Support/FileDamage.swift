// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Files that are damaged, one by one, with what must be said of each.
enum FileDamage {
  typealias Damage = (name: String, bytes: [UInt8], words: [String])

  /// Damages that any safetensors file can have.
  ///
  /// `advice` is what must be said of a file that is not whole, and of one whose digest is another.
  private static func damages(of path: String, advice: String) throws -> [Damage] {
    let file = try Workspace.read(path)
    let original = try SafetensorsEditor(path: path)
    let headerSize = file.count - original.data.count
    func flipped(_ at: Int) -> [UInt8] {
      var bytes = file
      bytes[at] ^= 0x10
      return bytes
    }
    var damages: [Damage] = [
      ("empty", [], ["0 bytes, too few for a header", advice]),
      ("seven bytes", Array(file.prefix(7)), ["7 bytes, too few"]),
      ("header cut", Array(file.prefix(headerSize / 2)), ["the header should have", advice]),
      (
        "data cut", Array(file.prefix(headerSize + original.data.count / 2)),
        ["bytes of data", advice]
      ),
      ("one byte missing", Array(file.dropLast()), [advice]),
      ("one byte more", file + [0], ["goes on with 1 byte after the last tensor", advice]),
      // What to do stands before the digests.
      (
        "first data bit", flipped(headerSize),
        ["the data is not what was written", advice + "; its SHA-256 is"]
      ),
      ("last data bit", flipped(file.count - 1), ["the data is not", advice + "; its SHA-256 is"]),
      ("header's brace", flipped(8), ["not a safetensors file"]),
      (
        "header's length", [255, 255, 255, 255, 255, 255, 255, 127] + file.dropFirst(8),
        ["not a safetensors file"]
      ),
      ("text", Array("a text that is not a model at all\n".utf8), ["not a safetensors file"]),
      ("picture", try SampleImage.png([1], width: 1, height: 1, channels: 1), ["not a safetensors file"]),
    ]
    func edit(_ name: String, _ words: [String], _ change: (inout SafetensorsEditor) throws -> Void) throws {
      var editor = original
      try change(&editor)
      damages.append((name, try editor.encoded(), words))
    }
    var silent = original
    silent.metadata["note"] = "changed behind the file's back"
    damages.append(
      (
        "a header that still fits", try silent.encoded(sealed: false),
        ["the header is not what was written", advice + "; its SHA-256 is"]
      ))
    let tensor = try #require(original.tensors.first)
    try edit("newer", ["version 99", "update Signet"]) { $0.metadata["format_version"] = "99" }
    try edit("no version", ["version is missing"]) { $0.metadata["format_version"] = nil }
    try edit("version 0", ["version is missing"]) { $0.metadata["format_version"] = "0" }
    try edit("no hash", ["checksum is missing"]) { $0.metadata["sha256"] = nil }
    try edit("other hash", ["SHA-256"]) { $0.metadata["sha256"] = String(repeating: "0", count: 64) }
    try edit("no format", ["safetensors file is not a"]) { $0.metadata["format"] = nil }
    try edit("other format", ["safetensors file is not a"]) { $0.metadata["format"] = "pt" }
    try edit("no metadata", ["safetensors file is not a"]) { $0.header["__metadata__"] = nil }
    try edit("number for text", ["is not a string"]) { $0.metadata["format"] = 5 }
    try edit("shape", [tensor, "needs"]) { try $0.edit(tensor, "shape", [7]) }
    try edit("negative shape", [tensor]) { try $0.edit(tensor, "shape", [-1]) }
    try edit("huge shape", [tensor, "too large"]) { try $0.edit(tensor, "shape", [1 << 40, 1 << 40]) }
    try edit("offsets", [tensor]) { try $0.edit(tensor, "data_offsets", [0, 1 << 40]) }
    try edit("turned offsets", [tensor, "not a start and an end"]) {
      try $0.edit(tensor, "data_offsets", [8, 4])
    }
    try edit("type", [tensor, "needs"]) { try $0.edit(tensor, "dtype", "F64") }
    try edit("unknown type", [tensor, "Q9"]) { try $0.edit(tensor, "dtype", "Q9") }
    return damages
  }

  /// Damages of what a compact model's header says.
  static func modelDamages(of path: String) throws -> [Damage] {
    var damages = try damages(of: path, advice: "damaged or foreign: copy or export it again")
    func edit(_ name: String, _ words: [String], _ change: (inout SafetensorsEditor) throws -> Void) throws {
      var editor = try SafetensorsEditor(path: path)
      try change(&editor)
      damages.append((name, try editor.encoded(), words))
    }
    for key in ["preprocessing", "operators"] {
      try edit("no \(key)", ["“\(key)”", "export the model again"]) { $0.metadata[key] = nil }
      try edit("broken \(key)", ["“\(key)”", "can't be read"]) { $0.metadata[key] = "{" }
    }
    for (key, value) in [
      ("height", -5), ("height", 1 << 40), ("width", 0), ("channels", 2), ("channels", 1 << 62),
    ] as [(String, Int)] {
      try edit("\(key) \(value)", []) {
        try $0.edit("preprocessing", as: [String: Any].self) { $0[key] = value }
      }
    }
    try edit("65536 pixels a side", ["the input", "limit"]) {
      try $0.edit("preprocessing", as: [String: Any].self) { ($0["height"], $0["width"]) = (65536, 65536) }
    }
    try edit("deviation 0", ["preprocessing"]) {
      try $0.edit("preprocessing", as: [String: Any].self) { $0["deviation"] = [0] }
    }
    try edit("class too many", ["6 class names for 5 logits"]) {
      try $0.edit("classes", as: [String].self) { $0.append("x") }
    }
    func operators(_ name: String, _ words: [String], _ change: (inout [[String: Any]]) -> Void) throws {
      try edit(name, words + ["export"]) {
        try $0.edit("operators", as: [[String: Any]].self, change)
      }
    }
    try operators("no operators", []) { $0 = [] }
    try operators("unknown operator", ["“operators”"]) { $0[0]["op"] = "sum" }
    try operators("other name", ["tensor"]) { $0[0]["name"] = "zz" }
    try operators("first two swapped", ["tensor"]) { $0.swapAt(0, 1) }
    for (index, key) in [
      (0, "filters"), (0, "kernel"), (0, "stride"), (0, "padding"), (4, "filters"), (4, "kernel"),
    ] {
      for value in [-1, 0, 1 << 31, 1 << 62] {
        let content: Any = key == "filters" ? value : [value, value]
        if key == "padding", value == 0 { continue }
        try operators("\(key) \(value) of operator \(index)", []) { $0[index][key] = content }
      }
    }
    return damages
  }

  /// Damages of what a checkpoint's header says.
  static func checkpointDamages(of path: String) throws -> [Damage] {
    var damages = try damages(of: path, advice: "restore a copy of it, or use another checkpoint")
    func edit(_ name: String, _ words: [String], _ change: (inout SafetensorsEditor) throws -> Void) throws {
      var editor = try SafetensorsEditor(path: path)
      try change(&editor)
      damages.append((name, try editor.encoded(), words + ["use another checkpoint"]))
    }
    for key in ["configuration", "progress"] {
      try edit("no \(key)", ["“\(key)”"]) { $0.metadata[key] = nil }
      try edit("broken \(key)", ["“\(key)”", "can't be read"]) { $0.metadata[key] = "[" }
    }
    for (key, value) in [("epoch", -1), ("step", -1), ("step", 1 << 62), ("epoch", 1 << 62)] {
      try edit("\(key) \(value)", []) { try $0.edit("progress", as: [String: Any].self) { $0[key] = value } }
    }
    func configuration(_ name: String, _ words: [String], _ change: (inout [String: Any]) -> Void) throws {
      try edit(name, words) { try $0.edit("configuration", as: [String: Any].self, change) }
    }
    for (key, value) in [
      ("batchSize", 0), ("batchSize", -3), ("batchSize", 1 << 62), ("validation", -1), ("epochs", -1),
    ] {
      try configuration("\(key) \(value)", []) { $0[key] = value }
    }
    try configuration("no classes", []) { $0["classNames"] = [String]() }
    for (key, value) in [("channels", -1), ("channels", 0), ("height", -12), ("width", 1 << 50)] {
      try configuration("\(key) \(value)", []) { configuration in
        var preprocessing = configuration["preprocessing"] as? [String: Any] ?? [:]
        preprocessing[key] = value
        configuration["preprocessing"] = preprocessing
      }
    }
    for (key, value) in [
      ("binarizations", -1), ("binarizations", 5), ("learningRate", -1), ("clip", 0), ("schedule", "up"),
      ("regularizer", "l3:1"), ("lastLayer", 1),
    ] as [(String, Any)] {
      try configuration("\(key) \(value)", []) { configuration in
        var method = configuration["method"] as? [String: Any] ?? [:]
        method[key] = value
        configuration["method"] = method
      }
    }
    for filters in [-1, 0, 1 << 20, 1 << 62] {
      try configuration("filters \(filters)", []) { configuration in
        var network = configuration["network"] as? [String: Any] ?? [:]
        var layers = network["layers"] as? [[String: Any]] ?? []
        layers[0]["filters"] = filters
        network["layers"] = layers
        configuration["network"] = network
      }
    }
    return damages
  }
}

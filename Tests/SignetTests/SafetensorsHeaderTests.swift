// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Headers that break one promise of the format each.
///
/// Oracle: the format's description.
struct SafetensorsHeaderTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let json: String
    let code: ModelFormatError.Code
    /// What the message must name.
    let names: String
    /// Bytes of data in the file.
    var dataSize = 8

    var testDescription: String { json }

    /// A header of one F32 tensor, with some of it replaced.
    static func tensor(
      dtype: String = #""F32""#, shape: String = "[2]", offsets: String = "[0,8]",
      _ code: ModelFormatError.Code, _ names: String
    ) -> Case {
      Case(
        json: #"{"t":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#, code: code,
        names: names)
    }

    /// A header of two U8 tensors at these offsets, in a file of 8 bytes of data.
    static func pair(_ a: Range<Int>, _ b: Range<Int>, _ code: ModelFormatError.Code, _ names: String) -> Case
    {
      let entries = [("a", a), ("b", b)].map { name, range in
        #""\#(name)":{"dtype":"U8","shape":[\#(range.count)],"data_offsets":[\#(range.lowerBound),\#(range.upperBound)]}"#
      }
      return Case(json: "{\(entries.joined(separator: ","))}", code: code, names: names)
    }
  }

  static let cases: [Case] = [
    // Shapes.
    .tensor(shape: "[3]", .badShape, "needs 12 bytes but has 8"),
    .tensor(shape: "[1]", .badShape, "needs 4 bytes but has 8"),
    .tensor(shape: "[-2]", .badShape, "integers ≥ 0"),
    .tensor(shape: "[2.0]", .badShape, "integers ≥ 0"),
    .tensor(shape: "[2e0]", .badShape, "integers ≥ 0"),
    .tensor(shape: "[02]", .badShape, "integers ≥ 0"),
    .tensor(shape: "[\"2\"]", .badShape, "integers ≥ 0"),
    .tensor(shape: "[[2]]", .badShape, "integers ≥ 0"),
    .tensor(shape: "[2,]", .badShape, "integers ≥ 0"),
    .tensor(shape: "2", .badHeader, "'['"),
    .tensor(shape: "[9223372036854775808]", .badShape, "too large"),
    .tensor(shape: "[99999999999999999999999999]", .badShape, "too large"),
    .tensor(shape: "[9223372036854775807]", .badShape, "too large"),
    .tensor(shape: "[4294967296,4294967296]", .badShape, "too large"),
    .tensor(shape: "[4611686018427387904,4,0]", .badShape, "too large"),
    // Types.
    .tensor(dtype: #""F33""#, .unsupported, "'F33'"),
    .tensor(dtype: #""f32""#, .unsupported, "'f32'"),
    .tensor(dtype: "32", .badHeader, "dtype of tensor 't'"),
    .tensor(dtype: "null", .badHeader, "dtype of tensor 't'"),
    .tensor(dtype: #""F64""#, .badShape, "needs 16 bytes but has 8"),
    // Offsets.
    .tensor(offsets: "[8,0]", .badOffsets, "a start and an end"),
    .tensor(offsets: "[0]", .badOffsets, "a start and an end"),
    .tensor(offsets: "[0,8,8]", .badOffsets, "a start and an end"),
    .tensor(offsets: "[-8,0]", .badOffsets, "integers ≥ 0"),
    .tensor(offsets: "[8,16]", .badOffsets, "leaves 8 unused bytes"),
    .tensor(shape: "[4]", offsets: "[0,16]", .truncated, "need 16 bytes"),
    .tensor(shape: "[1]", offsets: "[0,4]", .badOffsets, "goes on with 4 bytes"),
    .tensor(offsets: "[9223372036854775799,9223372036854775807]", .badOffsets, "unused bytes"),
    .tensor(offsets: "[0,9223372036854775807]", .badShape, "needs 8 bytes"),
    .pair(0..<5, 4..<8, .badOffsets, "'b' at data_offsets 4 overlaps"),
    .pair(4..<8, 0..<5, .badOffsets, "'a' at data_offsets 4 overlaps"),
    .pair(0..<8, 0..<8, .badOffsets, "overlaps"),
    .pair(0..<8, 3..<3, .badOffsets, "overlaps"),
    .pair(0..<3, 4..<8, .badOffsets, "leaves 1 unused byte before"),
    .pair(1..<4, 4..<8, .badOffsets, "leaves 1 unused byte before"),
    .pair(0..<4, 4..<7, .badOffsets, "goes on with 1 byte after"),
    // Entries.
    Case(json: #"{"t":{"dtype":"F32","shape":[2]}}"#, code: .badHeader, names: "lacks"),
    Case(json: #"{"t":{}}"#, code: .badHeader, names: "lacks"),
    Case(json: #"{"t":[]}"#, code: .badHeader, names: "'{' is expected in tensor 't'"),
    Case(
      json: #"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, code: .badHeader, names: "'x'"),
    Case(
      json: #"{"t":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, code: .badHeader,
      names: "'dtype' twice"),
    Case(
      json: #"{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
        + #""\u0074":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#,
      code: .badHeader, names: "'t' twice"),
    // Metadata.
    Case(json: #"{"__metadata__":{"a":1}}"#, code: .badMetadata, names: "'a'", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":{"b":"c"}}}"#, code: .badMetadata, names: "'a'", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":null}}"#, code: .badMetadata, names: "'a'", dataSize: 0),
    Case(json: #"{"__metadata__":"a"}"#, code: .badHeader, names: "__metadata__", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":"b","a":"c"}}"#, code: .badHeader, names: "'a' twice", dataSize: 0),
    Case(
      json: #"{"__metadata__":{},"__metadata__":{}}"#, code: .badHeader, names: "'__metadata__' twice",
      dataSize: 0),
    Case(json: #"{"__metadata__":{"sha256":""}}"#, code: .checksumMismatch, names: "e3b0c442", dataSize: 0),
    // JSON.
    Case(json: "{", code: .badHeader, names: "header of 1 byte can't", dataSize: 0),
    Case(json: "{\"", code: .badHeader, names: "'\"'", dataSize: 0),
    Case(json: "{}x", code: .badHeader, names: "closing brace", dataSize: 0),
    Case(json: "{}\0", code: .badHeader, names: "closing brace", dataSize: 0),
    Case(json: "{,}", code: .badHeader, names: "'\"'", dataSize: 0),
    Case(json: #"{"a" "b"}"#, code: .badHeader, names: "':'", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":"\x"}}"#, code: .badHeader, names: "escape", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":"\ud800"}}"#, code: .badHeader, names: "escape", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":"\udc00\ud800"}}"#, code: .badHeader, names: "escape", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":"\u12"}}"#, code: .badHeader, names: "escape", dataSize: 0),
    Case(json: #"{"__metadata__":{"a":"\"#, code: .badHeader, names: "escape", dataSize: 0),
    Case(json: "{\"__metadata__\":{\"a\":\"\n\"}}", code: .badHeader, names: "'\"'", dataSize: 0),
    Case(json: "[]", code: .notSafetensors, names: ".signet", dataSize: 0),
    Case(json: "", code: .badHeader, names: "0 bytes", dataSize: 0),
  ]

  @Test(arguments: cases) func isRefused(_ test: Case) {
    let bytes = SafetensorsSamples.file(json: test.json, data: [UInt8](repeating: 0, count: test.dataSize))
    let error = SafetensorsSamples.failure(bytes)
    #expect(error?.code == test.code)
    #expect(error?.message.contains(test.names) == true, "\(error.map(\.description) ?? "it opened")")
  }

  @Test func textThatIsNotUTF8IsRefused() {
    for bad: [UInt8] in [
      [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF5, 0x80, 0x80, 0x80],
    ] {
      for prefix in ["", "\\n"] {
        let json = Array(#"{"__metadata__":{"a":"\#(prefix)"#.utf8) + bad + Array(#""}}"#.utf8)
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
        #expect(SafetensorsSamples.failure(bytes)?.code == .badHeader, "\(bad)")
      }
    }
  }

  @Test func aLengthBeyondTheFormatIsRefused() {
    let rest = Array("{}".utf8)
    #expect(SafetensorsSamples.failure([UInt8](repeating: 0xFF, count: 8) + rest)?.code == .notSafetensors)
    #expect(SafetensorsSamples.failure([0, 0, 0, 0, 0, 0, 0, 0x80] + rest)?.code == .notSafetensors)
    // 100,000,001 bytes of header, and exactly 100,000,000.
    #expect(SafetensorsSamples.failure([0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0] + rest)?.code == .notSafetensors)
    #expect(SafetensorsSamples.failure([0x00, 0xE1, 0xF5, 0x05, 0, 0, 0, 0] + rest)?.code == .truncated)
  }

  @Test func errorsOfTheHeaderNameTheirByte() {
    let json = #"{"t":{"dtype":"F32","shape":[2,-1],"data_offsets":[0,8]}}"#
    let error = SafetensorsSamples.failure(SafetensorsSamples.file(json: json, data: []))
    // The minus sign is the 32nd character; 8 bytes of length come before.
    #expect(error?.byteOffset == 8 + 31)
    #expect(error?.description.hasPrefix("<memory>: the shape of tensor 't'") == true)
    #expect(error?.description.hasSuffix("(at byte 39)") == true)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Oracle: files written out by hand after the format's description (length, JSON, data).
struct SafetensorsLayoutTests {
  @Test func writesTheBytesOfTheFormat() throws {
    var writer = TensorArchiveWriter(metadata: ["b": "x", "a/é": "q\"\\\n\t\u{1}", "sha256": "replaced"])
    writer.add("w.é", shape: [2, 1], floats: [1, -2])
    writer.add("c", shape: [3], bytes: [1, 2, 3])
    // The digest of the eleven bytes of data, by Python's hashlib.
    let digest = "aaf3be3a387cdd126aab562c1856d8a8d0637e1970add4c3ac31c0f548c33326"
    // That of the header's text as HeaderDigest describes it, by the same.
    let headerDigest = "894baefb77859a2806131f530bf6da6229837073e98a0acd0aec5bcacfdfa249"
    var json =
      #"{"__metadata__":{"a/é":"q\"\\\n\t\u0001","b":"x","header_sha256":"\#(headerDigest)","sha256":"\#(digest)"},"#
      + #""w.é":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"#
      + #""c":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}"#
    while json.utf8.count % 8 != 0 { json += " " }
    let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 1, 2, 3]
    let expected = SafetensorsSamples.file(json: json, data: data)
    #expect(writer.encoded() == expected)
    #expect(writer.encodedSize == expected.count)

    let archive = try TensorArchive(bytes: expected)
    #expect(archive.isChecksumVerified)
    #expect(
      archive.metadata == [
        "b": "x", "a/é": "q\"\\\n\t\u{1}", "header_sha256": headerDigest, "sha256": digest,
      ])
  }

  @Test(arguments: 0..<17) func dataStartsAtAMultipleOfEight(length: Int) throws {
    var writer = TensorArchiveWriter(metadata: ["k": String(repeating: "v", count: length)])
    writer.add("t", shape: [1], bytes: [9])
    let bytes = writer.encoded()
    let archive = try TensorArchive(bytes: bytes)
    #expect(archive.headerSize % 8 == 0)
    #expect(archive.fileSize == bytes.count)
    #expect(writer.encodedSize == bytes.count)
    #expect(bytes.last == 9)
  }

  @Test func readsWhatOtherProgramsMayWrite() throws {
    // White space, escapes, keys and tensors in any order, elements off their alignment, empty and scalar tensors.
    let json = """
      { "b\\u00e9\\ud83d\\ude00\\/" : { "data_offsets":[1, 9], "shape":[ 2 ] ,"dtype":"F32"},\r\n\t
        "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},
        "none":{"dtype":"F64","shape":[4,0,3],"data_offsets":[9,9]},
        "h":{"dtype":"I16","shape":[1,1,1],"data_offsets":[9,11]}} \n
      """
    let data: [UInt8] = [7, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0xFE, 0xFF]
    let archive = try TensorArchive(bytes: SafetensorsSamples.file(json: json, data: data))
    #expect(!archive.isChecksumVerified)
    #expect(archive.metadata.isEmpty)
    #expect(try archive.floats("bé😀/", shape: [2]) == [1, -2])
    #expect(try archive.bytes("a", shape: []) == [7])
    #expect(try archive.int16s("h", shape: [1, 1, 1]) == [-2])
    #expect(archive.tensors["none"]?.shape == [4, 0, 3])
    #expect(archive.entriesInFileOrder.map(\.name) == ["a", "bé😀/", "none", "h"])
  }

  @Test func roundTrip() throws {
    let archive = try TensorArchive(bytes: SafetensorsSamples.archive())
    #expect(archive.metadata["note"] == "a \"quoted\" note\n")
    #expect(try archive.int64s("step", shape: []) == [-1_234_567_890_123])
    #expect(try archive.words("conv.weight", shape: [2, 3]) == [0, 1, 0xFFFF_FFFF, 4, 5, 6])
    #expect(try archive.int32s("conv.threshold") == [-7, 0, 2_147_483_647])
    #expect(try archive.floats("scale") == [1, -0.5, .infinity, 0x1p-140])
    #expect(try archive.int16s("accumulator") == [-32_768, 0, 32_767])
    #expect(try archive.bytes("image", shape: [5]) == [0, 1, 127, 128, 255])
    #expect(
      archive.entriesInFileOrder.map(\.name)
        == ["step", "conv.weight", "conv.threshold", "scale", "accumulator", "image"])
    #expect(
      archive.entriesInFileOrder.map(\.byteRange.count).reduce(archive.headerSize, +) == archive.fileSize)
  }

  /// Oracle: the bit patterns that went in, a signalling NaN and −0 among them.
  @Test func floatsKeepTheirBits() throws {
    let patterns: [UInt32] = [0x7F80_0001, 0x8000_0000, 0x7FC1_2345, 0xFF80_0000, 1]
    var writer = TensorArchiveWriter(metadata: [:])
    writer.add("odd", shape: [1], bytes: [0])
    writer.add("f", shape: [5], floats: patterns.map { Float(bitPattern: $0) })
    let archive = try TensorArchive(bytes: writer.encoded())
    #expect(try archive.floats("f").map(\.bitPattern) == patterns)
  }

  @Test func anArchiveWithoutTensorsIsValid() throws {
    let written = TensorArchiveWriter(metadata: [:])
    #expect(try TensorArchive(bytes: written.encoded()).tensors.isEmpty)
    #expect(try TensorArchive(bytes: SafetensorsSamples.file(json: "{}", data: [])).tensors.isEmpty)
  }

  @Test func accessorsSayWhatTheyExpectedAndFound() throws {
    let archive = try TensorArchive(bytes: SafetensorsSamples.archive(), path: "m.signet")
    let missing = #expect(throws: ModelFormatError.self) { try archive.floats("bias") }
    #expect(missing?.code == .missingTensor)
    #expect(missing?.description.hasPrefix("m.signet: tensor 'bias' is missing among 6") == true)
    let type = #expect(throws: ModelFormatError.self) { try archive.floats("image") }
    #expect(type?.code == .wrongType)
    #expect(type?.message.contains("'image' has type U8, expected F32") == true)
    #expect(type?.byteOffset == archive.fileSize - 5)
    let shape = #expect(throws: ModelFormatError.self) { try archive.words("conv.weight", shape: [3, 2]) }
    #expect(shape?.code == .badShape)
    #expect(shape?.message.contains("'conv.weight' has shape [2, 3], expected [3, 2]") == true)
    #expect(shape?.description.hasSuffix("(at byte \(archive.headerSize + 8))") == true)
  }
}

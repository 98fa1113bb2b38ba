// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Damaged archives: each gives an error or opens with all its promises kept, and none stops the program.
///
/// Oracles: the promises of the format, checked again here from the file's bytes, and for the data its SHA-256.
struct SafetensorsMutationTests {
  private static let original = SafetensorsSamples.archive()

  /// Opens an archive and checks all its promises, or returns the error.
  @discardableResult
  private static func open(_ bytes: [UInt8], _ comment: Comment) -> ModelFormatError? {
    do throws(ModelFormatError) {
      let archive = try TensorArchive(bytes: bytes)
      let dataSize = bytes.count - archive.headerSize
      var covered = 0
      for entry in archive.entriesInFileOrder {
        #expect(entry.byteRange.lowerBound == covered, comment)
        covered = entry.byteRange.upperBound
        #expect(entry.shape.reduce(entry.type.byteCount, *) == entry.byteRange.count, comment)
        let place = archive.headerSize + entry.byteRange.lowerBound
        archive.withUnsafeBytes(of: entry) { tensor in
          #expect(tensor.elementsEqual(bytes[place..<(place + entry.byteRange.count)]), comment)
        }
        let elements = entry.byteRange.count / entry.type.byteCount
        switch entry.type {
        case .float32: #expect(try archive.floats(entry.name).count == elements, comment)
        case .uint32: #expect(try archive.words(entry.name).count == elements, comment)
        case .int16: #expect(try archive.int16s(entry.name).count == elements, comment)
        case .int32: #expect(try archive.int32s(entry.name).count == elements, comment)
        case .int64: #expect(try archive.int64s(entry.name).count == elements, comment)
        case .uint8: #expect(try archive.bytes(entry.name).count == elements, comment)
        default: #expect(throws: ModelFormatError.self, comment) { try archive.floats(entry.name) }
        }
      }
      #expect(covered == dataSize, comment)
      if let digest = archive.metadata["sha256"] {
        let found = bytes[archive.headerSize...].withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #expect(found == digest.lowercased(), comment)
      }
      return nil
    } catch {
      #expect(error.path == "<memory>", comment)
      #expect(error.message.contains(";"), "\(comment): says no remedy")
      if let byteOffset = error.byteOffset { #expect(0...bytes.count ~= byteOffset, comment) }
      return error
    }
  }

  @Test func theOriginalOpens() {
    #expect(Self.open(Self.original, "original") == nil)
  }

  @Test func everyTruncationIsRefused() {
    for length in 0..<Self.original.count {
      let error = Self.open(Array(Self.original.prefix(length)), "cut to \(length) bytes")
      #expect(error?.code == .truncated, "cut to \(length) bytes")
    }
    #expect(Self.open(Self.original + [0], "one byte more")?.code == .badOffsets)
  }

  @Test func everyFlippedHeaderBitIsSafe() throws {
    let headerSize = try TensorArchive(bytes: Self.original).headerSize
    for byte in 0..<headerSize {
      for bit in 0..<8 {
        var bytes = Self.original
        bytes[byte] ^= 1 << bit
        Self.open(bytes, "bit \(bit) of header byte \(byte)")
      }
      var bytes = Self.original
      bytes[byte] = ~bytes[byte]
      Self.open(bytes, "header byte \(byte) inverted")
    }
  }

  @Test func everyFlippedDataBitIsDetected() throws {
    let archive = try TensorArchive(bytes: Self.original)
    for byte in archive.headerSize..<Self.original.count {
      for bit in 0..<8 {
        var bytes = Self.original
        bytes[byte] ^= 1 << bit
        let error = SafetensorsSamples.failure(bytes)
        #expect(error?.code == .checksumMismatch, "bit \(bit) of byte \(byte)")
        #expect(SafetensorsSamples.failure(bytes, verifyingChecksum: false) == nil)
      }
    }
  }

  /// 20,000 archives with up to four edits each; the seed is in the message of a failure.
  @Test func randomEditsAreSafe() throws {
    let headerSize = try TensorArchive(bytes: Self.original).headerSize
    let alphabet = Array("0123456789-+.eE[]{}:,\"\\u /aFUI\n".utf8)
    var refused = 0
    for seed in 0..<20_000 {
      var random = SplitMix64(seed: UInt64(seed))
      var bytes = Self.original
      for _ in 0...random.index(below: 4) {
        // Three edits of four hit the header, where the structure is.
        let limit = random.index(below: 4) == 0 ? bytes.count : min(headerSize, bytes.count)
        let place = random.index(below: max(1, limit))
        guard place < bytes.count else { continue }
        let length = min(1 + random.index(below: 24), bytes.count - place)
        switch random.index(below: 7) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] = alphabet[random.index(below: alphabet.count)]
        case 2: bytes.insert(alphabet[random.index(below: alphabet.count)], at: place)
        case 3: bytes.removeSubrange(place..<(place + length))
        case 4:
          bytes.insert(contentsOf: bytes[place..<(place + length)], at: random.index(below: bytes.count))
        case 5: for i in place..<(place + length) { bytes[i] = UInt8(truncatingIfNeeded: random.next()) }
        default: bytes.swapAt(place, random.index(below: bytes.count))
        }
      }
      if random.index(below: 2) == 0, bytes.count >= 8 {
        // Repair the length, so that edits that moved the data reach the checks behind it.
        let length = max(0, headerSize - 8 + bytes.count - Self.original.count)
        for i in 0..<8 { bytes[i] = UInt8(truncatingIfNeeded: length >> (8 * i)) }
      }
      let error = Self.open(bytes, "seed \(seed)")
      if error != nil { refused += 1 }
      if bytes.prefix(headerSize) == Self.original.prefix(headerSize), bytes != Self.original {
        #expect(error != nil, "seed \(seed): changed data under an unchanged header")
      }
    }
    #expect(refused > 10_000)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import SignetData
import Testing

/// Oracle: the bytes that the test itself put into the file.
@Suite struct IDXTests {
  let folder: TemporaryFolder
  let bytes = randomBytes(2 * 3 * 4, seed: 1)
  var file: [UInt8] { idx([2, 3, 4], bytes) }

  init() throws {
    folder = try TemporaryFolder()
  }

  private func read(_ file: [UInt8]) throws -> (dimensions: [Int], bytes: [UInt8]) {
    try IDX.read(path: folder.write(file, to: "file"))
  }

  @Test(arguments: [[24], [4, 6], [2, 3, 4], [2, 2, 2, 3], [0, 5]])
  func readsOneToFourDimensions(dimensions: [Int]) throws {
    let content = Array(bytes[..<dimensions.reduce(1, *)])
    for file in [idx(dimensions, content), try gzip(idx(dimensions, content))] {
      let result = try read(file)
      #expect(result.dimensions == dimensions)
      #expect(result.bytes == content)
    }
  }

  @Test func readsGzipOfSeveralMembersWhereverTheyMeet() throws {
    for cut in 0...file.count {
      let result = try read(gzip(Array(file[..<cut])) + gzip(Array(file[cut...])))
      #expect(result.bytes == bytes, "members meet at byte \(cut)")
    }
  }

  @Test func readsMoreThanTheBuffersHold() throws {
    // Above 1 MiB of output and, being random, above 256 KiB of gzip.
    let content = randomBytes(2_500_000, seed: 2)
    #expect(try read(idx([2_500_000], content)).bytes == content)
    #expect(try read(gzip(idx([2500, 1000], content))).bytes == content)
  }

  @Test func everyShorterFileIsTruncated() throws {
    for length in 0..<file.count {
      let error = try expectError(.truncated) { try read(Array(file[..<length])) }
      #expect(error.byteOffset == length)
      #expect(error.path?.hasSuffix("/file") == true)
    }
  }

  @Test func everyShorterGzipFileIsAnError() throws {
    let packed = try gzip(file)
    for length in 2..<packed.count {
      try expectError(.truncated) { try read(Array(packed[..<length])) }
    }
  }

  @Test func wrongMagicIsNamed() throws {
    for place in 0..<2 {
      var damaged = file
      damaged[place] = 0x42
      let error = try expectError(.wrongFormat) { try read(damaged) }
      #expect(error.description.contains("42"))
    }
  }

  @Test(arguments: [0x00, 0x09, 0x0b, 0x0c, 0x0d, 0x0e, 0xff] as [UInt8])
  func otherElementTypesAreUnsupported(type: UInt8) throws {
    var damaged = file
    damaged[2] = type
    let error = try expectError(.unsupported) { try read(damaged) }
    #expect(error.byteOffset == 2)
  }

  @Test(arguments: [0, 5, 255] as [UInt8])
  func otherNumbersOfDimensionsAreUnsupported(count: UInt8) throws {
    var damaged = file
    damaged[3] = count
    try expectError(.unsupported) { try read(damaged) }
  }

  @Test func dimensionsThatOverflowAreRefused() throws {
    let header: [UInt8] = [0, 0, 8, 4] + [UInt8](repeating: 0xff, count: 16)
    try expectError(.tooLarge) { try read(header + bytes) }
  }

  @Test func hugeDimensionsTakeNoMemory() throws {
    // 2³³ bytes claimed, 24 present: must end as a short file, not in an allocation.
    let error = try expectError(.truncated) { try read(idx([1 << 17, 1 << 16], bytes)) }
    #expect(error.message.contains("24 of the \(1 << 33)"))
    try expectError(.tooLarge) { try read(idx([1 << 31, 1 << 31], bytes)) }
  }

  /// What gzip announces beyond what images shrink to is refused before it is unpacked; a plain file is as long as it is.
  @Test func bombsOfGzipAreRefused() throws {
    let zeros = [UInt8](repeating: 0, count: 4_000_000)
    #expect(try read(gzip(idx([2000, 2000], zeros))).bytes == zeros, "a thousandth, but small")
    let error = try expectError(.tooLarge) { try read(gzip(idx([100 << 20], zeros))) }
    #expect(error.message.contains("gunzip"))
    try expectError(.truncated) { try read(idx([100 << 20], bytes)) }
  }

  @Test(.timeLimit(.minutes(1))) func pipesAreNotWaitedFor() throws {
    let pipe = folder.path + "/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    try expectError(.unreadable) { try IDX.read(path: pipe) }
    try expectError(.unreadable) { try ImageDecoder.decode(path: pipe) }
  }

  @Test func eachDimensionChangedIsAnError() throws {
    for dimension in 0..<3 {
      for (change, code) in [(1, DataError.Code.truncated), (-1, .trailingBytes)] {
        var dimensions = [2, 3, 4]
        dimensions[dimension] += change
        try expectError(code) { try read(idx(dimensions, bytes)) }
        try expectError(code) { try read(gzip(idx(dimensions, bytes))) }
      }
    }
  }

  @Test func trailingBytesAreAnError() throws {
    let error = try expectError(.trailingBytes) { try read(file + [0]) }
    #expect(error.byteOffset == file.count)
    try expectError(.trailingBytes) { try read(gzip(file + [0])) }
    try expectError(.trailingBytes) { try read(gzip(file) + gzip([0])) }
    try expectError(.damaged) { try read(gzip(file) + [1, 2, 3]) }
  }

  @Test func gzipChecksumAndLengthAreVerified() throws {
    let packed = try gzip(file)
    for place in packed.count - 8..<packed.count {
      var damaged = packed
      damaged[place] ^= 1
      try expectError(.damaged) { try read(damaged) }
    }
  }

  @Test func noDamagedByteOfGzipGoesUnnoticed() throws {
    let packed = try gzip(file)
    var accepted = 0
    // From byte 10 on: the ten bytes before hold flags and a time stamp, which no checksum covers.
    for place in 10..<packed.count {
      for bit in 0..<8 {
        var damaged = packed
        damaged[place] ^= 1 << bit
        do {
          // Only the bits that fill up the last byte of the packed data have no meaning.
          #expect(try read(damaged).bytes == bytes, "bit \(bit) of byte \(place)")
          accepted += 1
        } catch {
          #expect(error is DataError)
        }
      }
    }
    #expect(accepted < 8)
  }

  @Test func missingFileAndFolderAreNamed() throws {
    let missing = folder.path + "/missing"
    #expect(try expectError(.notFound) { try IDX.read(path: missing) }.description.contains(missing))
    try expectError(.unreadable) { try IDX.read(path: folder.path) }
  }
}

// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import Foundation
import SignetData
import Testing

/// Oracle: headers that the test itself changed to announce what their files can't hold, or should not.
@Suite struct ImageLimitsTests {
  /// The place of the sides in a JPEG file's frame header.
  private func frame(_ jpeg: [UInt8]) throws -> Int {
    try #require(
      jpeg.indices.dropLast(9).first { jpeg[$0] == 0xff && (0xc0...0xc2).contains(jpeg[$0 + 1]) && $0 > 0 })
  }

  private func jpeg(height: Int, width: Int, flags: Int32 = 0) throws -> [UInt8] {
    var file = try SampleJPEG.encode(
      randomBytes(64 * 64 * 3, seed: 2), width: 64, height: 64, format: TJPF_RGB, flags: flags)
    let start = try frame(file)
    file.replaceSubrange(
      start + 5..<start + 9, with: [height >> 8, height & 255, width >> 8, width & 255].map { UInt8($0) })
    return file
  }

  private func decode(_ bytes: [UInt8]) throws { _ = try ImageDecoder.decode(bytes: bytes, path: "sample") }

  @Test(arguments: [0, TJFLAG_PROGRESSIVE])
  func bombsOfJPEGAreRefused(flags: Int32) throws {
    try decode(jpeg(height: 64, width: 64, flags: flags))
    try expectError(.tooLarge) { try decode(jpeg(height: 65_500, width: 65_500, flags: flags)) }
    let error = try expectError(.damaged) { try decode(jpeg(height: 9_000, width: 9_000, flags: flags)) }
    #expect(error.message.contains("can't hold the 9000×9000 pixels"))
  }

  @Test func bombsOfPNGAreRefused() throws {
    func png(_ side: Int, depth: UInt8, type: UInt8) throws -> [UInt8] {
      let good = try SamplePNG.encode(
        width: 8, height: 8, depth: depth, colorType: type,
        rows: (0..<8).map { _ in [UInt8](repeating: 0, count: depth == 1 ? 1 : 24) })
      let header = SamplePNG.chunk("IHDR", bigEndian(side) + bigEndian(side) + [depth, type, 0, 0, 0])
      return good[..<8] + header + good[33...]
    }
    try decode(png(8, depth: 8, type: 2))
    try decode(png(8, depth: 1, type: 0))
    for (depth, type) in [(8, 2), (1, 0)] as [(UInt8, UInt8)] {
      try expectError(.tooLarge) { try decode(png(100_000, depth: depth, type: type)) }
      let error = try expectError(.damaged) { try decode(png(9_000, depth: depth, type: type)) }
      #expect(error.message.contains("can't hold the 9000×9000 pixels"))
    }
  }

  /// A flat image is the best that the formats can do: it must still pass.
  @Test func flatImagesAreNoBombs() throws {
    let side = 4000
    let grey = [UInt8](repeating: 128, count: side * side)
    try decode(
      SampleJPEG.encode(grey, width: side, height: side, format: TJPF_GRAY, subsampling: TJSAMP_GRAY))
    try decode(
      SampleJPEG.encode(
        grey, width: side, height: side, format: TJPF_GRAY, subsampling: TJSAMP_GRAY,
        flags: TJFLAG_PROGRESSIVE))
    let row = [UInt8](repeating: 0, count: side / 8)
    try decode(
      SamplePNG.encode(
        width: side, height: side, depth: 1, colorType: 0, rows: [[UInt8]](repeating: row, count: side)))
  }

  /// A grey image of 16×16 pixels in arithmetic coding, by libjpeg-turbo's compressor with TJ_ARITHMETIC=1.
  private static let arithmetic =
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1x"
    + "eXBkeFxlZ2P/yQALCAAQABABAREA/8wABgAQEAX/2gAIAQEAAD8A/wBy+kZ0okoYzt9hOq6QKID/2Q=="

  /// It may take less than a bit for many blocks, so that the file's bytes alone would allow too much or too little.
  @Test func bombsOfArithmeticCodingAreRefused() throws {
    var file = Array(try #require(Data(base64Encoded: Self.arithmetic)))
    try decode(file)
    let start = try #require(file.indices.dropLast().first { file[$0] == 0xff && file[$0 + 1] == 0xc9 })
    func announce(_ side: Int) {
      file.replaceSubrange(
        start + 5..<start + 9, with: [side >> 8, side & 255, side >> 8, side & 255].map { UInt8($0) })
    }
    announce(2100)
    let error = try expectError(.damaged) { try decode(file) }
    #expect(error.message.contains("can't hold the 2100×2100 pixels"))
    // Far more than the file's bytes would allow of Huffman codes; its data may be at fault, but not its size.
    announce(2000)
    var other: DataError?
    do { try decode(file) } catch { other = error as? DataError }
    #expect(other?.message.contains("can't hold") != true)
  }

  /// A progressive grey image of two scans, of which the second, of the lowest frequencies, is there so many times.
  private func scanned(_ pixels: [UInt8], side: Int, times: Int) throws -> [UInt8] {
    let file = try SampleJPEG.encode(
      pixels, width: side, height: side, format: TJPF_GRAY, subsampling: TJSAMP_GRAY,
      flags: TJFLAG_PROGRESSIVE)
    let starts = file.indices.dropLast().filter { file[$0] == 0xff && file[$0 + 1] == 0xda }
    let start = try #require(starts.dropFirst().first)
    let end = try #require(file.indices[(start + 2)...].first { file[$0] == 0xff && file[$0 + 1] != 0 })
    var scan = Array(file[start..<end])
    // All bits of its numbers at once: a scan that leaves some out could not come twice.
    scan[9] = 0
    return file[..<start] + (0..<times).flatMap { _ in scan } + file.suffix(2)
  }

  /// Each scan costs a pass over all blocks, however short it is.
  @Test func endlessScansAreRefused() throws {
    let pixels = randomBytes(64 * 64, seed: 2)
    try decode(scanned(pixels, side: 64, times: 1))
    try decode(scanned(pixels, side: 64, times: 50))
    try expectError(.tooLarge) { try decode(scanned(pixels, side: 64, times: ImageLimits.scans + 1)) }
  }

  /// Fewer are too many of a large image that a few bytes stand for.
  @Test func scansOfLargeImagesAreFewer() throws {
    let flat = [UInt8](repeating: 128, count: 4096 * 4096)
    try decode(scanned(flat, side: 4096, times: 4))
    try expectError(.tooLarge) { try decode(scanned(flat, side: 4096, times: 80)) }
  }
}

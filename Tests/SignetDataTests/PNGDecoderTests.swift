// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import Testing

/// Oracle: the samples that the test wrote into chunks of its own, and the blending formula.
@Suite struct PNGDecoderTests {
  private func decode(_ png: [UInt8]) throws -> PixelImage {
    try ImageDecoder.decode(bytes: png, path: "sample")
  }

  @Test func greyAndRGBAreExact() throws {
    let grey = try decode(
      SamplePNG.encode(width: 3, height: 2, colorType: 0, rows: [[0, 7, 255], [1, 2, 3]]))
    #expect(grey == PixelImage(height: 2, width: 3, channels: 1, pixels: [0, 7, 255, 1, 2, 3]))
    let rgb = try decode(
      SamplePNG.encode(width: 2, height: 1, colorType: 2, rows: [[1, 2, 3, 250, 251, 252]]))
    #expect(rgb == PixelImage(height: 1, width: 2, channels: 3, pixels: [1, 2, 3, 250, 251, 252]))
  }

  @Test func whatTheLibraryWritesIsReadBack() throws {
    let pixels = randomBytes(31 * 17 * 3, seed: 4)
    let image = try decode(SamplePNG.encodedByLibrary(pixels, width: 31, height: 17))
    #expect(image == PixelImage(height: 17, width: 31, channels: 3, pixels: pixels))
  }

  @Test func transparencyShowsWhite() throws {
    func blend(_ value: Int, _ alpha: Int) -> UInt8 {
      UInt8((Double(alpha * value + (255 - alpha) * 255) / 255).rounded())
    }
    let samples: [(value: Int, alpha: Int)] = [(0, 0), (0, 255), (0, 128), (200, 1), (10, 254), (90, 77)]
    let greyRow = samples.flatMap { [UInt8($0.value), UInt8($0.alpha)] }
    let grey = try decode(SamplePNG.encode(width: 6, height: 1, colorType: 4, rows: [greyRow]))
    #expect(grey.channels == 1)
    #expect(grey.pixels == samples.map { blend($0.value, $0.alpha) })
    let row = samples.flatMap { sample -> [UInt8] in [UInt8(sample.value), 9, 255, UInt8(sample.alpha)] }
    let rgb = try decode(SamplePNG.encode(width: 6, height: 1, colorType: 6, rows: [row]))
    #expect(rgb.channels == 3)
    #expect(
      rgb.pixels
        == samples.flatMap { sample -> [UInt8] in
          [blend(sample.value, sample.alpha), blend(9, sample.alpha), 255]
        })
  }

  /// Oracle: the texts of libpng 1.6's `pngread.c`, `pngrutil.c` and `pngerror.c`.
  @Test func aLackOfMemoryIsNoDamage() {
    for text in [
      "png_image_read: out of memory", "Out of memory", "insufficient memory to read chunk",
      "IDAT: insufficient memory",
    ] {
      let error = PNGDecoder.failure(text, "a.png")
      #expect(error.code == .systemFailure && !error.isOfFile && error.message.contains(text))
    }
    for text in ["IDAT: CRC error", "Not a PNG file", "Read Error", "Invalid IHDR data"] {
      #expect(PNGDecoder.failure(text, "a.png").code == .damaged)
    }
  }

  /// A header that announces no pixels is damage, wherever the size is read.
  @Test(arguments: [16, 20]) func noPixelsAreDamage(side: Int) throws {
    var bytes = try SamplePNG.encode(width: 3, height: 2, colorType: 0, rows: [[0, 7, 255], [1, 2, 3]])
    bytes.replaceSubrange(side..<side + 4, with: [0, 0, 0, 0])
    #expect(try expectError(.damaged) { try decode(bytes) }.isOfFile)
    let folder = try TemporaryFolder()
    for part in ["train", "test"] {
      try folder.write(bytes, to: "\(part)/a/0.png")
      for number in 1..<4 {
        let image = try SamplePNG.encode(width: 3, height: 2, colorType: 0, rows: [[0, 7, 255], [1, 2, 3]])
        try folder.write(image, to: "\(part)/a/\(number).png")
      }
    }
    let skipped = SkippedImages()
    let images = try DataSpec(parsing: "folder:" + folder.path).open(split: .training, skipped: skipped)
    #expect(images.count == 3 && skipped.text.hasPrefix(folder.path + "/train/a/0.png\t"))
  }

  @Test func palettesAreLookedUp() throws {
    let palette: (String, [UInt8]) = ("PLTE", [10, 20, 30, 40, 50, 60, 70, 80, 90])
    let row: [UInt8] = [0, 1, 2]
    let opaque = try decode(
      SamplePNG.encode(width: 3, height: 1, colorType: 3, rows: [row], chunks: [palette]))
    #expect(opaque.pixels == [10, 20, 30, 40, 50, 60, 70, 80, 90])
    let transparent = try decode(
      SamplePNG.encode(
        width: 3, height: 1, colorType: 3, rows: [row], chunks: [palette, ("tRNS", [255, 0])]))
    #expect(transparent.pixels == [10, 20, 30, 255, 255, 255, 70, 80, 90])
  }

  @Test func otherDepthsBecomeEightBits() throws {
    let bits = try decode(
      SamplePNG.encode(width: 8, height: 1, depth: 1, colorType: 0, rows: [[0b1010_0111]]))
    #expect(bits.pixels == [255, 0, 255, 0, 0, 255, 255, 255])
    let words: [Int] = [0, 0x1234, 0x8000, 0xabcd, 0xffff]
    let row = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    let expected = words.map { UInt8((Double($0) / 257).rounded(.toNearestOrAwayFromZero)) }
    let deep = try decode(SamplePNG.encode(width: 5, height: 1, depth: 16, colorType: 0, rows: [row]))
    #expect(deep.channels == 1)
    #expect(deep.pixels == expected)
    let deepRGB = try decode(
      SamplePNG.encode(width: 1, height: 1, depth: 16, colorType: 2, rows: [Array(row[..<6])]))
    #expect(deepRGB.pixels == Array(expected[..<3]))
  }

  @Test func linearGammaBecomesSRGB() throws {
    let image = try decode(
      SamplePNG.encode(
        width: 3, height: 1, colorType: 0, rows: [[0, 128, 255]], chunks: [("gAMA", bigEndian(100_000))]))
    // Oracle: sRGB's curve gives 187.8; libpng may take the power 1/2.2 for it, which gives 186.4.
    #expect(image.pixels[0] == 0 && (186...188).contains(image.pixels[1]) && image.pixels[2] == 255)
  }

  @Test func everyTruncationIsAnError() throws {
    let png = try SamplePNG.encodedByLibrary(randomBytes(20 * 20 * 3, seed: 9), width: 20, height: 20)
    for length in 8..<png.count {
      try expectError(.truncated) { try decode(Array(png[..<length])) }
    }
    #expect(try decode(png + [1, 2, 3]).width == 20, "what follows the last chunk is not the image's")
  }

  @Test func noDamagedByteGoesUnnoticed() throws {
    // Header, data and end are all under checksums, so any change must be refused.
    let png = try SamplePNG.encode(
      width: 2, height: 2, colorType: 2, rows: [[1, 2, 3, 4, 5, 6], [7, 8, 9, 0, 1, 2]])
    let end = png.count - 12  // libpng does not read the last chunk
    for place in 0..<end {
      var damaged = png
      damaged[place] ^= 0x10
      #expect(throws: DataError.self, "byte \(place)") { try decode(damaged) }
    }
  }

  @Test func tooLittleDataIsDamaged() throws {
    try expectError(.damaged) {
      try decode(SamplePNG.encode(width: 4, height: 4, colorType: 0, rows: [[1, 2, 3, 4], [1, 2, 3, 4]]))
    }
  }

  @Test(arguments: [(65_501, 1), (1, 65_501), (20_000, 20_000), (0x7fff_ffff, 0x7fff_ffff)])
  func hugeSizesAreRefusedBeforeDecoding(width: Int, height: Int) throws {
    let png = try SamplePNG.encode(width: width, height: height, colorType: 2, rows: [[0, 0, 0]])
    #expect(throws: DataError.self) { try decode(png) }
    if width < 1_000_000 { try expectError(.tooLarge) { try decode(png) } }
  }

  @Test func randomDamageNeverCrashes() throws {
    var random = SplitMix64(seed: 12)
    let palette: (String, [UInt8]) = ("PLTE", [10, 20, 30, 40, 50, 60])
    let png = try SamplePNG.encode(
      width: 8, height: 2, colorType: 3, rows: [[0, 1, 0, 1, 1, 1, 0, 9], [0, 0, 0, 0, 0, 0, 0, 0]],
      chunks: [palette, ("tRNS", [0])])
    var refused = 0
    for _ in 0..<500 {
      var damaged = png
      damaged[8 + random.index(below: png.count - 8)] = UInt8(random.index(below: 256))
      do { _ = try decode(damaged) } catch { refused += 1 }
    }
    #expect(refused > 0)
  }
}

@Suite struct ImageDecoderTests {
  @Test func otherFilesNameBothFormats() throws {
    for bytes in [Array("GIF89a".utf8), [0xff], [0x89, 0x50], Array("plain text".utf8)] as [[UInt8]] {
      let error = try expectError(.wrongFormat) { try ImageDecoder.decode(bytes: bytes, path: "x.gif") }
      #expect(error.description.contains("JPEG") && error.description.contains("PNG"))
      #expect(error.path == "x.gif")
    }
  }

  @Test func filesAreReadByContentAndNotByName() throws {
    let folder = try TemporaryFolder()
    let png = try SamplePNG.encode(width: 1, height: 1, colorType: 0, rows: [[42]])
    let path = try folder.write(png, to: "image.jpg")
    #expect(try ImageDecoder.decode(path: path).pixels == [42])
    try expectError(.unreadable) { try ImageDecoder.decode(path: folder.path) }
    try expectError(.notFound) { try ImageDecoder.decode(path: folder.path + "/none.png") }
    let empty = try folder.write([], to: "empty.png")
    try expectError(.empty) { try ImageDecoder.decode(path: empty) }
  }

  @Test func endlessFilesAreRefused() throws {
    try expectError(.unreadable) { try FileSystem.contents(of: "/dev/zero", limit: 1 << 20) }
    let folder = try TemporaryFolder()
    let three = try folder.write([1, 2, 3], to: "three")
    #expect(try FileSystem.contents(of: three, limit: 3) == [1, 2, 3])
    try expectError(.tooLarge) { try FileSystem.contents(of: three, limit: 2) }
    #if os(Linux)
    // Reports no size.
    try expectError(.tooLarge) { try FileSystem.contents(of: "/proc/self/maps", limit: 100) }
    #endif
  }
}

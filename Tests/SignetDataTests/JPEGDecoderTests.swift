// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import Signet
import SignetData
import Testing

/// Oracle: the pixels that were compressed, within the loss of the best quality; and exact turns of them.
@Suite struct JPEGDecoderTests {
  private func decode(_ jpeg: [UInt8]) throws -> PixelImage {
    try ImageDecoder.decode(bytes: jpeg, path: "sample")
  }

  /// A smooth picture whose four corners differ, so that no turn maps it onto itself.
  private func gradient(height: Int, width: Int, channels: Int) -> [UInt8] {
    (0..<height).flatMap { y in
      (0..<width).flatMap { x in
        (0..<channels).map { c in UInt8(150 * y / height + 50 * x / width + 20 * c) }
      }
    }
  }

  private func largestDifference(_ a: [UInt8], _ b: [UInt8]) -> Int {
    a.count == b.count ? zip(a, b).map { abs(Int($0) - Int($1)) }.max() ?? 0 : .max
  }

  @Test func greyStaysGrey() throws {
    let pixels = gradient(height: 13, width: 21, channels: 1)
    let image = try decode(
      SampleJPEG.encode(pixels, width: 21, height: 13, format: TJPF_GRAY, subsampling: TJSAMP_GRAY))
    #expect((image.height, image.width, image.channels) == (13, 21, 1))
    #expect(largestDifference(image.pixels, pixels) <= 2)
  }

  @Test(arguments: [TJSAMP_444, TJSAMP_420], [0, TJFLAG_PROGRESSIVE])
  func colorIsRGB(subsampling: TJSAMP, flags: Int32) throws {
    let pixels = gradient(height: 17, width: 24, channels: 3)
    let image = try decode(
      SampleJPEG.encode(
        pixels, width: 24, height: 17, format: TJPF_RGB, subsampling: subsampling, flags: flags))
    #expect((image.height, image.width, image.channels) == (17, 24, 3))
    #expect(largestDifference(image.pixels, pixels) <= 4)
  }

  @Test(
    arguments: [
      ([255, 255, 255, 255], [255, 255, 255]), ([255, 0, 0, 255], [255, 0, 0]),
      ([0, 255, 0, 128], [0, 128, 0]),
      ([10, 20, 200, 0], [0, 0, 0]), ([100, 200, 50, 255], [100, 200, 50]),
    ] as [([UInt8], [UInt8])])
  func adobeCMYKIsInverted(cmyk: [UInt8], rgb: [UInt8]) throws {
    let pixels = (0..<64).flatMap { _ in cmyk }
    let image = try decode(SampleJPEG.encode(pixels, width: 8, height: 8, format: TJPF_CMYK))
    #expect(image.channels == 3)
    #expect(largestDifference(image.pixels, (0..<64).flatMap { _ in rgb }) <= 3)
  }

  @Test func unusualSubsamplingIsDecoded() throws {
    // One unit of 4:2:0 is four luma blocks and one of each chroma; told that the four are on top of each other,
    // which libjpeg-turbo 2 has no name for, it is an image of 32×8.
    let color: [UInt8] = [200, 90, 30]
    var jpeg = try SampleJPEG.encode(
      (0..<256).flatMap { _ in color }, width: 16, height: 16, format: TJPF_RGB, subsampling: TJSAMP_420)
    let frame = try #require(jpeg.indices.first { jpeg[$0...].starts(with: [0xff, 0xc0]) })
    #expect(jpeg[frame + 11] == 0x22)
    jpeg[frame + 11] = 0x14
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0, 32, 0, 8])
    let image = try decode(jpeg)
    #expect((image.height, image.width, image.channels) == (32, 8, 3))
    #expect(largestDifference(image.pixels, (0..<256).flatMap { _ in color }) <= 3)
  }

  @Test func plainCMYKIsInk() throws {
    // Without Adobe's segment the stored planes are C, M, Y, K as they are. The compressor stored YCCK: for inks
    // of 255 that is Y = 0, Cb = Cr = 128, so the result is 255, 127, 127 times the light that K leaves.
    for (black, expected) in [(0, [255, 127, 127]), (255, [0, 0, 0]), (155, [100, 50, 50])]
      as [(UInt8, [UInt8])]
    {
      let pixels = (0..<64).flatMap { _ -> [UInt8] in [255, 255, 255, black] }
      var jpeg = try SampleJPEG.encode(pixels, width: 8, height: 8, format: TJPF_CMYK)
      let adobe = try #require(jpeg.indices.first { jpeg[$0...].starts(with: [0xff, 0xee]) })
      jpeg.removeSubrange(adobe..<adobe + 2 + Int(jpeg[adobe + 3]))
      let image = try decode(jpeg)
      #expect(largestDifference(Array(image.pixels[..<3]), expected) <= 2, "\(image.pixels[..<3])")
    }
  }

  @Test func eachOrientationTurnsAsEXIFSays() {
    let image = PixelImage(height: 2, width: 3, channels: 1, pixels: [1, 2, 3, 4, 5, 6])
    let upright: [(Int, [UInt8])] = [
      (1, [1, 2, 3, 4, 5, 6]), (2, [3, 2, 1, 6, 5, 4]), (3, [6, 5, 4, 3, 2, 1]), (4, [4, 5, 6, 1, 2, 3]),
      (5, [1, 4, 2, 5, 3, 6]), (6, [4, 1, 5, 2, 6, 3]), (7, [6, 3, 5, 2, 4, 1]), (8, [3, 6, 2, 5, 1, 4]),
      (0, [1, 2, 3, 4, 5, 6]), (9, [1, 2, 3, 4, 5, 6]),
    ]
    for (orientation, pixels) in upright {
      let turned = image.oriented(orientation)
      #expect(turned.pixels == pixels, "orientation \(orientation)")
      #expect(turned.height == ((5...8).contains(orientation) ? 3 : 2))
    }
  }

  @Test(arguments: 1...8, [true, false])
  func orientationOfTheFileIsApplied(orientation: Int, littleEndian: Bool) throws {
    let pixels = gradient(height: 16, width: 24, channels: 3)
    let plain = try SampleJPEG.encode(pixels, width: 24, height: 16, format: TJPF_RGB)
    let exif = SampleJPEG.exif(orientation: orientation, littleEndian: littleEndian)
    let tagged = SampleJPEG.inserting(segment: 0xe1, exif, into: plain)
    #expect(try decode(tagged) == (try decode(plain).oriented(orientation)))
  }

  @Test func damagedEXIFIsAsIfAbsent() throws {
    let exif = SampleJPEG.exif(orientation: 6, littleEndian: true)
    let jpeg = try SampleJPEG.encode(
      gradient(height: 8, width: 8, channels: 1), width: 8, height: 8, format: TJPF_GRAY,
      subsampling: TJSAMP_GRAY)
    func orientation(_ payload: [UInt8]) -> Int {
      JPEGMetadata(SampleJPEG.inserting(segment: 0xe1, payload, into: jpeg)).orientation
    }
    #expect(orientation(exif) == 6)
    // The value's two bytes end six bytes before the payload does; anything shorter has no orientation.
    for length in 0..<exif.count - 6 { #expect(orientation(Array(exif[..<length])) == 1, "\(length) bytes") }
    // Byte order, magic, directory offset far away, tag, type, count, value: one by one.
    let damages: [(Int, UInt8)] = [
      (6, 0), (8, 43), (13, 0xff), (10, 0xf0), (28, 0x13), (30, 4), (32, 2), (36, 9),
    ]
    for (place, value) in damages {
      var damaged = exif
      damaged[place] = value
      #expect(orientation(damaged) == 1, "byte \(place)")
    }
  }

  @Test func everyTruncationIsAnError() throws {
    let pixels = randomBytes(40 * 40 * 3, seed: 5)
    for flags in [0, TJFLAG_PROGRESSIVE] {
      let jpeg = try SampleJPEG.encode(pixels, width: 40, height: 40, format: TJPF_RGB, flags: flags)
      let lengths = Array(stride(from: 3, to: jpeg.count, by: 13)) + [jpeg.count - 2, jpeg.count - 1]
      for length in lengths {
        let error = try #require(throws: DataError.self, "\(length) of \(jpeg.count) bytes") {
          try decode(Array(jpeg[..<length]))
        }
        #expect(error.path == "sample")
      }
      try expectError(.truncated) { try decode(Array(jpeg[..<(jpeg.count / 2)])) }
    }
  }

  @Test func hugeSizesAreRefusedBeforeDecoding() throws {
    var jpeg = try SampleJPEG.encode(
      randomBytes(64, seed: 1), width: 8, height: 8, format: TJPF_GRAY, subsampling: TJSAMP_GRAY)
    let frame = try #require(jpeg.indices.first { jpeg[$0...].starts(with: [0xff, 0xc0]) })
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0x75, 0x30, 0x75, 0x30])  // 30,000 × 30,000
    let error = try expectError(.tooLarge) { try decode(jpeg) }
    #expect(error.message.contains("30000×30000"))
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0, 8, 0xff, 0xff])
    #expect(throws: DataError.self) { try decode(jpeg) }
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0, 0, 0, 0])
    #expect(throws: DataError.self) { try decode(jpeg) }
  }

  @Test func randomDamageNeverCrashes() throws {
    let pixels = gradient(height: 32, width: 32, channels: 3)
    let plain = try SampleJPEG.encode(
      pixels, width: 32, height: 32, format: TJPF_RGB, flags: TJFLAG_PROGRESSIVE)
    let jpeg = SampleJPEG.inserting(
      segment: 0xe1, SampleJPEG.exif(orientation: 6, littleEndian: false), into: plain)
    var random = SplitMix64(seed: 11)
    var refused = 0
    for _ in 0..<500 {
      var damaged = jpeg
      for _ in 0..<3 { damaged[3 + random.index(below: jpeg.count - 3)] = UInt8(random.index(below: 256)) }
      do {
        let image = try decode(damaged)
        #expect(image.pixels.count == image.height * image.width * image.channels)
      } catch {
        #expect(error is DataError)
        refused += 1
      }
    }
    #expect(refused > 0)
  }
}

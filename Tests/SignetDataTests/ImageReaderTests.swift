// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import Signet
import SignetData
import Testing

/// Oracle: the whole file by TurboJPEG's own interface, and the definition of resizing in Double.
@Suite struct ImageReaderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A smooth picture with some noise, so that neither the coder nor the filter can hide a shift.
  static func picture(height: Int, width: Int, seed: UInt64 = 5) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return (0..<height).flatMap { y in
      (0..<width).flatMap { x in
        (0..<3).map { c in
          UInt8(80 + 60 * ((y / 11 + x / 7 + c) % 2) + (x * 90 / width) + random.index(below: 24))
        }
      }
    }
  }

  private func read(_ path: String, _ layout: ImageLayout, crop: ResizedCrop? = nil) throws -> [UInt8] {
    let reader = try ImageReader()
    var bytes = [UInt8](repeating: 7, count: layout.height * layout.width * layout.channels)
    try bytes.withUnsafeMutableBufferPointer {
      try reader.read(path: path, as: layout, crop: crop, into: $0)
    }
    return bytes
  }

  private func axis(_ side: Int, _ scaled: Int, _ wanted: Int, _ denominator: Int) -> TriangleFilter.Axis {
    let start = (scaled - wanted) / 2
    return TriangleFilter.Axis(
      source: 0..<Double(side) / Double(denominator), target: scaled, outputs: start..<start + wanted)
  }

  /// The centre of pictures at 1/1 to 1/8 of their size: 8/7 of 28 is 32, and 1/2 is used from a shorter side of 64 on,
  /// if the longer side, whose scaled length is rounded, leaves as much.
  @Test(
    arguments: [
      (40, 53, 1), (63, 90, 1), (64, 90, 2), (127, 129, 2), (128, 148, 4), (128, 150, 2), (300, 257, 8),
      (600, 261, 8),
    ],
    [TJSAMP_444, TJSAMP_420])
  func theCenterIsThatOfTheScaledImage(size: (Int, Int, Int), subsampling: TJSAMP) throws {
    let (height, width, denominator) = size
    let file = try SampleJPEG.encode(
      Self.picture(height: height, width: width), width: width, height: height, format: TJPF_RGB,
      subsampling: subsampling)
    let path = try folder.write(file, to: "a.jpg")
    let layout = ImageLayout(height: 28, width: 28, channels: 3, resize: .centerCrop)
    let short = Double(min(height, width))
    func scaled(_ side: Int) -> Int { Int((Double(side) * 32 / short).rounded()) }
    let exact = TriangleFilter.apply(
      try SampleJPEG.decode(file, denominator: denominator),
      rows: axis(height, scaled(height), 28, denominator),
      columns: axis(width, scaled(width), 28, denominator))
    TriangleFilter.expect(try read(path, layout), are: exact)
    let image = try ImageDecoder.decode(path: path, as: layout)
    #expect(image.pixels == (try read(path, layout)), "what `predict` takes")
  }

  /// Parts of progressive and other images, at all places: the pixels that the whole has there.
  @Test(
    arguments: [TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440, TJSAMP_411],
    [0, TJFLAG_PROGRESSIVE])
  func cropsAreThoseOfTheWhole(subsampling: TJSAMP, flags: Int32) throws {
    let (height, width) = (150, 203)
    let file = try SampleJPEG.encode(
      Self.picture(height: height, width: width), width: width, height: height, format: TJPF_RGB,
      subsampling: subsampling, flags: flags)
    let path = try folder.write(file, to: "a.jpg")
    let wholes = try [1, 2, 4, 8].map { ($0, try SampleJPEG.decode(file, denominator: $0)) }
    let layout = ImageLayout(height: 32, width: 24, channels: 3)
    var used: Set<Int> = []
    for seed in 0..<24 {
      let crop = ResizedCrop(random: SplitMix64(seed: UInt64(seed)))
      let region = crop.region(height: height, width: width)
      let (denominator, whole) = try #require(
        wholes.last { region.height >= 32 * $0.0 && region.width >= 24 * $0.0 } ?? wholes.first)
      used.insert(denominator)
      func part(_ start: Int, _ length: Int, _ target: Int) -> TriangleFilter.Axis {
        let scale = 1 / Double(denominator)
        return TriangleFilter.Axis(
          source: Double(start) * scale..<Double(start + length) * scale, target: target, outputs: 0..<target)
      }
      let exact = TriangleFilter.apply(
        whole, rows: part(region.top, region.height, 32), columns: part(region.left, region.width, 24))
      TriangleFilter.expect(try read(path, layout, crop: crop), are: exact)
    }
    #expect(used.count >= 3, "several scales are tried: \(used)")
  }

  /// Stretching uses all pixels, as it always did.
  @Test(arguments: [(1, TJPF_GRAY), (3, TJPF_RGB), (4, TJPF_CMYK)], [1, 3])
  func stretchedImagesAreDecodedWhole(kind: (Int, TJPF), channels: Int) throws {
    let file = try SampleJPEG.encode(
      randomBytes(120 * 90 * kind.0, seed: 8), width: 90, height: 120, format: kind.1,
      subsampling: kind.0 == 1 ? TJSAMP_GRAY : TJSAMP_444)
    let path = try folder.write(file, to: "a.jpg")
    let layout = ImageLayout(height: 13, width: 9, channels: channels)
    #expect(try read(path, layout) == ImageDecoder.decode(path: path).fitted(to: layout).pixels)
  }

  /// What a turned file becomes is what the upright picture becomes; grey and CMYK pictures as their RGB.
  @Test(arguments: 1...8)
  func orientationIsHonoured(orientation: Int) throws {
    let plain = try SampleJPEG.encode(
      Self.picture(height: 70, width: 50), width: 50, height: 70, format: TJPF_RGB)
    let file = SampleJPEG.inserting(
      segment: 0xe1, SampleJPEG.exif(orientation: orientation, littleEndian: true), into: plain)
    let path = try folder.write(file, to: "a.jpg")
    let upright = try ImageDecoder.decode(path: path)
    #expect((upright.height, upright.width) == (orientation < 5 ? (70, 50) : (50, 70)))
    let layout = ImageLayout(height: 60, width: 60, channels: 3, resize: .centerCrop)
    #expect(try read(path, layout) == upright.fitted(to: layout).pixels)
    let crop = ResizedCrop(random: SplitMix64(seed: 3))
    let region = crop.region(height: upright.height, width: upright.width)
    let part = try upright.cropped(
      top: region.top, left: region.left, height: region.height, width: region.width)
    #expect(try read(path, layout, crop: crop) == part.resized(height: 60, width: 60).pixels)
  }

  @Test func otherFilesAreCroppedAsTheirPixels() throws {
    let grey = try SampleJPEG.encode(
      randomBytes(70 * 50, seed: 4), width: 50, height: 70, format: TJPF_GRAY, subsampling: TJSAMP_GRAY)
    let cmyk = try SampleJPEG.encode(
      randomBytes(70 * 50 * 4, seed: 5), width: 50, height: 70, format: TJPF_CMYK)
    let png = try SamplePNG.encodedByLibrary(randomBytes(70 * 50 * 3, seed: 6), width: 50, height: 70)
    for file in [grey, cmyk, png] {
      let path = try folder.write(file, to: "image")
      let whole = try ImageDecoder.decode(path: path)
      for channels in [1, 3] {
        let layout = ImageLayout(height: 40, width: 40, channels: channels, resize: .centerCrop)
        #expect(try read(path, layout) == whole.fitted(to: layout).pixels)
        let crop = ResizedCrop(random: SplitMix64(seed: 9))
        let region = crop.region(height: 70, width: 50)
        let part = try whole.cropped(
          top: region.top, left: region.left, height: region.height, width: region.width)
        let stretched = ImageLayout(height: 40, width: 40, channels: channels)
        #expect(try read(path, layout, crop: crop) == part.fitted(to: stretched).pixels)
      }
    }
  }

  /// Also where the part that is needed lies before the end.
  @Test func cutOffFilesAreNoticed() throws {
    let file = try SampleJPEG.encode(
      Self.picture(height: 100, width: 100), width: 100, height: 100, format: TJPF_RGB)
    let path = try folder.write(Array(file.dropLast(400)), to: "a.jpg")
    let layout = ImageLayout(height: 8, width: 8, channels: 3, resize: .centerCrop)
    for seed in 0..<20 {
      let error = try expectError(.truncated) {
        try read(path, layout, crop: ResizedCrop(random: SplitMix64(seed: UInt64(seed))))
      }
      #expect(error.path == path)
    }
  }

  /// Of a part at the top, the rest of the file is read to its end, though no pixel of it is computed.
  @Test(arguments: [TJSAMP_444, TJSAMP_420])
  func whatIsBehindThePartIsLookedAt(subsampling: TJSAMP) throws {
    let file = try SampleJPEG.encode(
      Self.picture(height: 600, width: 400), width: 400, height: 600, format: TJPF_RGB,
      subsampling: subsampling)
    let layout = ImageLayout(height: 100, width: 100, channels: 3)
    let crops = (0..<400).map { ResizedCrop(random: SplitMix64(seed: UInt64($0))) }.filter {
      let region = $0.region(height: 600, width: 400)
      return region.top + region.height < 250
    }.prefix(4)
    try #require(crops.count == 4)
    let zeros = [UInt8](repeating: 0, count: 100)
    for crop in crops {
      let good = try read(folder.write(file, to: "good.jpg"), layout, crop: crop)
      // A trailer, as phones write it, says nothing of what is before it.
      #expect(try read(folder.write(file + zeros, to: "trailer.jpg"), layout, crop: crop) == good)
      // Of the last rows, in the middle of what is behind the part, and with what a broken copy has in their place.
      for (lost, filling) in [(200, []), (file.count / 3, []), (200, zeros), (file.count / 3, zeros)] {
        let path = try folder.write(Array(file.dropLast(lost)) + filling, to: "cut.jpg")
        let error = try #require(throws: DataError.self) { try read(path, layout, crop: crop) }
        #expect([.truncated, .damaged].contains(error.code), "\(lost) bytes lost: \(error)")
      }
    }
  }

  /// The same reader serves good files after bad ones.
  @Test func aReaderSurvivesBadFiles() throws {
    let good = try SampleJPEG.encode(
      Self.picture(height: 64, width: 64), width: 64, height: 64, format: TJPF_RGB)
    let path = try folder.write(good, to: "good.jpg")
    let layout = ImageLayout(height: 16, width: 16, channels: 3, resize: .centerCrop)
    let expected = try read(path, layout)
    let reader = try ImageReader()
    var bytes = [UInt8](repeating: 0, count: 768)
    for (number, bad) in [[], Array(good.prefix(300)), Array("text".utf8), Array(good.prefix(3))].enumerated()
    {
      let wrong = try folder.write(bad, to: "bad\(number)")
      #expect(throws: DataError.self) {
        try bytes.withUnsafeMutableBufferPointer { try reader.read(path: wrong, as: layout, into: $0) }
      }
      try bytes.withUnsafeMutableBufferPointer { try reader.read(path: path, as: layout, into: $0) }
      #expect(bytes == expected)
    }
  }
}

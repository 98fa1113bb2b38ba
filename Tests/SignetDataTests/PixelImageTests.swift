// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import Testing

@Suite struct PixelImageTests {
  private func random(_ height: Int, _ width: Int, _ channels: Int, seed: UInt64 = 21) -> PixelImage {
    PixelImage(
      height: height, width: width, channels: channels,
      pixels: randomBytes(height * width * channels, seed: seed))
  }

  /// The definition, in two dimensions at once, in Double.
  private func oracle(_ image: PixelImage, height: Int, width: Int) -> [Double] {
    func weights(_ output: Int, _ from: Int, _ to: Int) -> [Double] {
      let scale = Double(from) / Double(to)
      let raw = (0..<from).map {
        max(0, 1 - abs(Double($0) + 0.5 - (Double(output) + 0.5) * scale) / max(scale, 1))
      }
      let sum = raw.reduce(0, +)
      return raw.map { $0 / sum }
    }
    var result: [Double] = []
    for y in 0..<height {
      let down = weights(y, image.height, height)
      for x in 0..<width {
        let across = weights(x, image.width, width)
        for c in 0..<image.channels {
          var sum = 0.0
          for i in 0..<image.height where down[i] > 0 {
            for j in 0..<image.width where across[j] > 0 {
              sum += down[i] * across[j] * Double(image.pixels[(i * image.width + j) * image.channels + c])
            }
          }
          result.append(sum)
        }
      }
    }
    return result
  }

  @Test(
    arguments: [
      (7, 5, 14, 10), (14, 10, 7, 5), (9, 13, 4, 20), (1, 1, 3, 4), (20, 3, 1, 1), (5, 5, 5, 9),
      (28, 28, 32, 32),
      (31, 17, 8, 8), (2, 40, 3, 3), (1, 2, 150, 3), (2, 3, 200, 2), (300, 2, 2, 3),
    ], [1, 3])
  func resizeIsTheTriangleFilter(size: (Int, Int, Int, Int), channels: Int) throws {
    let image = random(size.0, size.1, channels)
    let resized = try image.resized(height: size.2, width: size.3)
    let expected = oracle(image, height: size.2, width: size.3)
    #expect(resized.pixels.count == expected.count)
    for (byte, exact) in zip(resized.pixels, expected) {
      // Half a step for the rounding, and a little for Float.
      #expect(abs(Double(byte) - exact) <= 0.5 + 1e-4)
    }
  }

  @Test func resizeHasKnownValues() throws {
    let row = PixelImage(height: 1, width: 4, channels: 1, pixels: [0, 40, 80, 200])
    // Halved: 3/8, 3/8 and 1/8 beyond, over the 7/8 that are inside at the border.
    #expect(try row.resized(height: 1, width: 2).pixels == [29, 126])
    // Doubled: 3/4 and 1/4 of the two nearest, the border repeated.
    #expect(try row.resized(height: 1, width: 8).pixels == [0, 10, 30, 50, 70, 110, 170, 200])
    let flat = PixelImage(
      height: 37, width: 53, channels: 3, pixels: [UInt8](repeating: 255, count: 37 * 53 * 3))
    #expect(try flat.resized(height: 10, width: 91).pixels.allSatisfy { $0 == 255 })
    let image = random(6, 7, 3)
    #expect(try image.resized(height: 6, width: 7) == image)
  }

  @Test func partOfAResizedImageIsThatPart() throws {
    let image = random(40, 30, 3)
    let whole = try image.resized(height: 23, width: 50)
    let part = image.resampled(height: 23, width: 50, rows: 5..<20, columns: 8..<31)
    #expect(part == (try whole.cropped(top: 5, left: 8, height: 15, width: 23)))
  }

  @Test(arguments: [(0, 5), (5, 0), (-1, 5), (65_501, 1), (20_000, 20_000)])
  func impossibleSizesAreRefused(height: Int, width: Int) {
    #expect(throws: DataError.self) { try random(4, 4, 1).resized(height: height, width: width) }
  }

  @Test func greyFollowsTheLumaWeights() {
    let image = random(16, 16, 3)
    let grey = image.converted(toChannels: 1)
    for pixel in 0..<256 {
      let (r, g, b) = (image.pixels[3 * pixel], image.pixels[3 * pixel + 1], image.pixels[3 * pixel + 2])
      let exact = 0.299 * Double(r) + 0.587 * Double(g) + 0.114 * Double(b)
      #expect(abs(Double(grey.pixels[pixel]) - exact) <= 0.51)
    }
    let ramp = PixelImage(height: 1, width: 256, channels: 1, pixels: (0...255).map { UInt8($0) })
    #expect(ramp.converted(toChannels: 3).pixels.count == 768)
    #expect(ramp.converted(toChannels: 3).converted(toChannels: 1) == ramp, "grey values are kept")
    #expect(ramp.converted(toChannels: 1) == ramp)
  }

  @Test func cropsCopyTheirPart() throws {
    let image = random(5, 6, 3)
    let crop = try image.cropped(top: 1, left: 2, height: 3, width: 4)
    for y in 0..<3 {
      for k in 0..<12 { #expect(crop.pixels[y * 12 + k] == image.pixels[(y + 1) * 18 + 6 + k]) }
    }
    for (top, left, height, width) in [(-1, 0, 1, 1), (0, 0, 6, 1), (3, 0, 3, 1), (0, 6, 1, 1), (0, 0, 0, 1)]
    {
      try expectError(.invalidArgument) {
        try image.cropped(top: top, left: left, height: height, width: width)
      }
    }
    try expectError(.invalidArgument) { try image.cropped(top: .max, left: 0, height: 1, width: 1) }
  }

  private func preprocessing(_ height: Int, _ width: Int, _ channels: Int, _ resize: Preprocessing.Resize)
    -> Preprocessing
  {
    Preprocessing(
      height: height, width: width, channels: channels, mean: [Float](repeating: 0, count: max(channels, 0)),
      deviation: [Float](repeating: 1, count: max(channels, 0)), resize: resize)
  }

  @Test func fittedStretches() throws {
    let image = random(10, 20, 3)
    let fitted = try image.fitted(to: preprocessing(8, 6, 1, .stretch))
    #expect(fitted == (try image.converted(toChannels: 1).resized(height: 8, width: 6)))
  }

  @Test(arguments: [(300, 500), (500, 300), (256, 256), (100, 90), (64, 400)])
  func fittedCropsTheCenter(height: Int, width: Int) throws {
    let image = random(height, width, 1)
    let fitted = try image.fitted(to: preprocessing(224, 224, 1, .centerCrop))
    let short = Double(min(height, width))
    let scaled = (
      Int((Double(height) * 256 / short).rounded()), Int((Double(width) * 256 / short).rounded())
    )
    let expected = try image.resized(height: scaled.0, width: scaled.1)
      .cropped(top: (scaled.0 - 224) / 2, left: (scaled.1 - 224) / 2, height: 224, width: 224)
    #expect(fitted == expected)
  }

  @Test func extremeShapesAreFitted() throws {
    let line = random(1, 65_500, 1)
    for resize in [Preprocessing.Resize.stretch, .centerCrop] {
      #expect(try line.fitted(to: preprocessing(224, 224, 3, resize)).pixels.count == 224 * 224 * 3)
      #expect(try random(1, 1, 3).fitted(to: preprocessing(1, 7, 1, resize)).pixels.count == 7)
    }
  }

  @Test func impossibleInputsAreRefused() throws {
    for (height, width, channels) in [(0, 8, 1), (8, -8, 1), (8, 8, 2), (8, 8, 0), (70_000, 8, 1)] {
      #expect(throws: DataError.self) {
        try random(4, 4, 1).fitted(to: preprocessing(height, width, channels, .stretch))
      }
    }
  }
}

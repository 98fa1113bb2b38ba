// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import SignetData
import Testing

/// The definition of resizing a part of an image, in two dimensions at once, in Double.
enum TriangleFilter {
  /// A part of an axis, of which `target` outputs are made and some are wanted; may begin and end between pixels.
  struct Axis {
    var source: Range<Double>
    var target: Int
    var outputs: Range<Int>

    /// The weight of each of `count` pixels in an output.
    func weights(_ output: Int, of count: Int) -> [Double] {
      let (start, end) = (source.lowerBound, source.upperBound)
      let scale = (end - start) / Double(target)
      let center = start + (Double(output) + 0.5) * scale
      let inside = Int(start.rounded(.down))..<Int(end.rounded(.up))
      let raw = (0..<count).map { (pixel: Int) -> Double in
        guard inside.contains(pixel) else { return 0 }
        let distance: Double = abs(Double(pixel) + 0.5 - center)
        return max(0, 1 - distance / max(scale, 1))
      }
      let sum = raw.reduce(0, +)
      return raw.map { $0 / sum }
    }
  }

  static func apply(_ image: PixelImage, rows: Axis, columns: Axis) -> [Double] {
    let across = columns.outputs.map { columns.weights($0, of: image.width) }
    return rows.outputs.flatMap { y in
      let down = rows.weights(y, of: image.height)
      return across.flatMap { across in
        (0..<image.channels).map { c in
          var sum = 0.0
          for i in 0..<image.height where down[i] > 0 {
            for j in 0..<image.width where across[j] > 0 {
              sum += down[i] * across[j] * Double(image.pixels[(i * image.width + j) * image.channels + c])
            }
          }
          return sum
        }
      }
    }
  }

  /// Bytes are the exact values, rounded, but for a little that Float loses.
  static func expect(
    _ bytes: [UInt8], are exact: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(bytes.count == exact.count, sourceLocation: sourceLocation)
    let worst = zip(bytes, exact).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(worst <= 0.5 + 1e-3, sourceLocation: sourceLocation)
  }
}

extension SampleJPEG {
  /// A whole file decoded by TurboJPEG's own interface, at 1/`denominator` of its size.
  static func decode(_ jpeg: [UInt8], denominator: Int = 1, grey: Bool = false) throws -> PixelImage {
    let handle = try #require(tjInitDecompress())
    defer { tjDestroy(handle) }
    var (width, height, subsampling, space): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    #expect(
      tjDecompressHeader3(handle, jpeg, UInt(jpeg.count), &width, &height, &subsampling, &space) == 0)
    let scaled = [Int(height), Int(width)].map { ($0 + denominator - 1) / denominator }
    let channels = grey ? 1 : 3
    var pixels = [UInt8](repeating: 0, count: scaled[0] * scaled[1] * channels)
    let format = grey ? TJPF_GRAY : TJPF_RGB
    #expect(
      tjDecompress2(
        handle, jpeg, UInt(jpeg.count), &pixels, Int32(scaled[1]), 0, Int32(scaled[0]),
        Int32(format.rawValue), TJFLAG_ACCURATEDCT) == 0)
    return PixelImage(height: scaled[0], width: scaled[1], channels: channels, pixels: pixels)
  }
}

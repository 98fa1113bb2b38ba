// SPDX-License-Identifier: Apache-2.0

/// Images as a convolution of bytes reads them: each within a border of the bytes that stand for 0.
///
/// - Shapes: `[N, padTop + H + rows below, rowBytes]`; a row is `padLeft + W + columns on the right` pixels of `C` bytes.
package struct PixelInput: Hashable, Sendable {
  package let image: FeatureShape
  package let zero: [UInt8]
  /// What one grey level of each channel is worth, for images given as reals.
  package let units: [Float]
  package let padTop: Int
  package let padLeft: Int
  /// Rows of a padded image.
  package let rows: Int
  /// Bytes of a row.
  package let rowBytes: Int

  /// Kernels read whole groups of four bytes: up to three beyond the last image.
  static let slack = 64

  /// The padded layout that `window` reads.
  package init(window: Window, preprocessing: Preprocessing, zero: [UInt8]) {
    image = FeatureShape(height: window.inHeight, width: window.inWidth, channels: preprocessing.channels)
    self.zero = zero
    units = preprocessing.units
    (padTop, padLeft) = (window.padTop, window.padLeft)
    rows = window.paddedHeight
    rowBytes = window.paddedWidth * preprocessing.channels
  }

  /// Bytes of one padded image.
  package var imageBytes: Int { rows * rowBytes }

  /// Lays out images that are bytes.
  package func fill(
    _ target: UnsafeMutablePointer<UInt8>, pixels: UnsafePointer<UInt8>, images: Int, on crew: Crew
  ) {
    let width = image.width * image.channels
    fill(target, images: images, on: crew) { place, pixel in
      place.update(from: pixels + pixel * image.channels, count: width)
    }
  }

  /// Lays out images that are normalised reals; see ``Preprocessing/grayLevels(of:unit:zero:)``.
  package func fill(
    _ target: UnsafeMutablePointer<UInt8>, reals: UnsafePointer<Float>, images: Int, on crew: Crew
  ) {
    let channels = image.channels
    fill(target, images: images, on: crew) { place, pixel in
      let row = reals + pixel * channels
      for channel in 0..<channels {
        let (unit, zero) = (units[channel], zero[channel])
        for at in stride(from: channel, to: image.width * channels, by: channels) {
          place[at] = UInt8(Preprocessing.grayLevels(of: row[at], unit: unit, zero: zero) + Float(zero))
        }
      }
    }
  }

  /// Writes borders, and has `body` write the row that starts at an image's pixel.
  private func fill(
    _ target: UnsafeMutablePointer<UInt8>, images: Int, on crew: Crew,
    _ body: (_ place: UnsafeMutablePointer<UInt8>, _ pixel: Int) -> Void
  ) {
    let (left, width) = (padLeft * image.channels, image.width * image.channels)
    crew.pool.runRanges(images * rows, grain: 32) { range, _ in
      for row in range {
        let (number, y) = row.quotientAndRemainder(dividingBy: rows)
        let place = target + row * rowBytes
        guard y >= padTop, y < padTop + image.height else {
          fillZero(place, 0..<rowBytes)
          continue
        }
        fillZero(place, 0..<left)
        body(place + left, (number * image.height + y - padTop) * image.width)
        fillZero(place, left + width..<rowBytes)
      }
    }
  }

  private func fillZero(_ place: UnsafeMutablePointer<UInt8>, _ range: Range<Int>) {
    for at in range { place[at] = zero[at % image.channels] }
  }
}

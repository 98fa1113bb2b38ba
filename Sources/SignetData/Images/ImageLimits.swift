// SPDX-License-Identifier: Apache-2.0

/// The largest images and files that are read, so that a hostile or damaged one can't exhaust a machine.
///
/// All of them are checked before memory is taken for what they limit; `Documentation/Limits.md` lists them.
package enum ImageLimits {
  /// The most pixels that an image may have.
  package static let pixels = 100_000_000
  /// The longest side that an image may have; also the limit of JPEG libraries.
  package static let side = 65_500
  /// The largest image file, in bytes.
  package static let fileBytes = 512 << 20
  /// The most scans of a progressive JPEG image: each goes over all pixels once more.
  package static let scans = 100
  /// The most pixels that a byte of Huffman-coded JPEG data can hold: each component of an 8×8 block takes a bit at least.
  package static let jpegPixelsPerByte = 512
  /// The most bytes that a byte of deflated data can hold.
  package static let inflation = 1032

  /// Refuses a JPEG image of more pixels than its file can have bits for.
  static func checkJPEG(height: Int, width: Int, fileBytes: Int, path: String) throws(DataError) {
    guard height * width <= jpegPixelsPerByte * fileBytes + 64 else {
      throw tooFewBytes(height: height, width: width, fileBytes: fileBytes, kind: "JPEG", path: path)
    }
  }

  /// Refuses a PNG image of more pixels than deflated data of its file's length can have.
  static func checkPNG(
    height: Int, width: Int, bitsPerPixel: Int, fileBytes: Int, path: String
  ) throws(DataError) {
    guard height * (width * bitsPerPixel / 8) <= inflation * fileBytes else {
      throw tooFewBytes(height: height, width: width, fileBytes: fileBytes, kind: "PNG", path: path)
    }
  }

  private static func tooFewBytes(
    height: Int, width: Int, fileBytes: Int, kind: String, path: String
  ) -> DataError {
    DataError(
      .damaged,
      "\(fileBytes) bytes of \(kind) data can't hold the \(height)×\(width) pixels that they announce; "
        + "save the image again or remove it", path: path)
  }
}

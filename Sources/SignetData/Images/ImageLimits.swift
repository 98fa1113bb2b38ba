// SPDX-License-Identifier: Apache-2.0

import CSignetJPEG

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
  /// The most scans of a progressive JPEG image.
  ///
  /// Each goes over all pixels once more. Its header limits their pixels as well.
  package static let scans = Int(SJ_MAXIMUM_SCANS)
  /// The most pixels that a byte of Huffman-coded JPEG data can hold: each component of an 8×8 block takes a bit at least.
  package static let jpegPixelsPerByte = 512
  /// Arithmetic coding can do with less than a bit for many blocks; so many pixels are allowed in a file of any length.
  package static let arithmeticPixels = 1 << 22
  /// The most bytes that a byte of deflated data can hold.
  package static let inflation = 1032

  /// Refuses a JPEG image of more pixels than its file can have bits for.
  static func checkJPEG(
    height: Int, width: Int, isArithmetic: Bool, fileBytes: Int, path: String
  ) throws(DataError) {
    let allowed = isArithmetic ? arithmeticPixels : 64
    guard height * width <= max(jpegPixelsPerByte * fileBytes, allowed) else {
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

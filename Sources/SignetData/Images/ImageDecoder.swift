// SPDX-License-Identifier: Apache-2.0

/// Decodes JPEG and PNG files, told apart by their first bytes and not by their names.
package enum ImageDecoder {
  /// Reads and decodes a file.
  ///
  /// - Throws: ``DataError`` with the path: `.notFound`, `.unreadable`, `.wrongFormat`, `.tooLarge`, `.truncated`,
  ///   `.damaged`.
  package static func decode(path: String) throws(DataError) -> PixelImage {
    try checkIsFile(path)
    return try decode(bytes: FileSystem.contents(of: path, limit: ImageLimits.fileBytes), path: path)
  }

  static func checkIsFile(_ path: String) throws(DataError) {
    if FileSystem.kind(of: path) == .folder {
      throw DataError(.unreadable, "is a folder, not an image; give a JPEG or PNG file", path: path)
    }
  }

  /// Decodes the bytes of a file; `path` is for messages only.
  ///
  /// Grey stays at one channel, everything else becomes RGB.
  package static func decode(bytes: [UInt8], path: String) throws(DataError) -> PixelImage {
    if bytes.isEmpty {
      throw DataError(.empty, "is empty; give a JPEG or PNG file", path: path)
    }
    if bytes.starts(with: JPEGDecoder.magic) {
      return try JPEGDecoder.decode(bytes, path: path)
    }
    if bytes.starts(with: PNGDecoder.magic) {
      return try PNGDecoder.decode(bytes, path: path)
    }
    throw DataError(
      .wrongFormat, "is neither JPEG nor PNG; convert it to one of them", path: path, byteOffset: 0)
  }
}

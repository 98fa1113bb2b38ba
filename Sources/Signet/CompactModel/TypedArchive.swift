// SPDX-License-Identifier: Apache-2.0

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An archive of one of our formats: its tag, version and checksum are checked, its JSON can be decoded.
package struct TypedArchive {
  private let archive: TensorArchive
  private let advice: String
  /// A digest of the whole file: of its header, in which that of the data is.
  package let digest: String

  /// Checks the metadata that all our formats have; `advice` ends the messages, it says what to do.
  ///
  /// - Throws: ``ModelFormatError``; with `notThisFormat` as the message if the tag is another one.
  package init(
    _ archive: TensorArchive, format: String, newestVersion: Int, advice: String, notThisFormat: String
  ) throws {
    self.archive = archive
    self.advice = advice
    digest = archive.metadata[HeaderDigest.key]?.lowercased() ?? ""
    guard archive.metadata["format"] == format else {
      throw ModelFormatError(.unsupported, notThisFormat, path: archive.path)
    }
    guard let version = archive.metadata["format_version"].flatMap(Int.init), version >= 1 else {
      throw failure(.badMetadata, "the format version is missing")
    }
    guard version <= newestVersion else {
      throw failure(
        .unsupportedVersion,
        "the file has format version \(version), this build reads 1…\(newestVersion); update Signet")
    }
    guard archive.metadata["sha256"] != nil, !digest.isEmpty else {
      throw failure(.badMetadata, "the checksum is missing")
    }
  }

  package func failure(_ code: ModelFormatError.Code, _ text: String) -> ModelFormatError {
    ModelFormatError(code, text + "; " + advice, path: archive.path)
  }

  /// Decodes the JSON under a key of the metadata.
  package func decoded<T: Decodable>(_ key: String, as type: T.Type) throws -> T {
    guard let text = archive.metadata[key] else { throw failure(.badMetadata, "metadata has no “\(key)”") }
    do {
      return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
      throw failure(.badMetadata, "metadata “\(key)” can't be read: \(error)")
    }
  }
}

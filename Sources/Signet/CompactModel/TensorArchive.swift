// SPDX-License-Identifier: Apache-2.0

/// A safetensors file, open for reading: named tensors and text metadata.
///
/// Opening checks everything that the format promises, so that reading a tensor can't leave the file. The data is
/// little-endian and row-major, as on every machine that Swift runs on.
package struct TensorArchive: Sendable {
  /// One tensor: what it is and where it lies.
  package struct Entry: Hashable, Sendable {
    /// The tensor's name, such as `stage2.block1.conv.weight`.
    package let name: String
    /// The type of its elements.
    package let type: TensorType
    /// Its extents, outermost first; empty for a scalar.
    package let shape: [Int]
    /// Its bytes, counted from the start of the data.
    package let byteRange: Range<Int>
  }

  /// What to do about a file that isn't as it was written, unless its reader knows better; the end of most messages here.
  package static let remedy = "the file is damaged or foreign: copy or export it again"

  /// The text pairs of `__metadata__`; empty if there are none.
  package let metadata: [String: String]
  /// The tensors by name.
  package let tensors: [String: Entry]
  /// The file's path, or the name that was given for bytes in memory; errors start with it.
  package let path: String
  /// Bytes of the whole file.
  package let fileSize: Int
  /// Bytes before the data: the header and the 8 bytes of its length.
  package let headerSize: Int
  /// Whether the data was compared with the SHA-256 of the metadata; false for a file that has none.
  package let isChecksumVerified: Bool
  /// What to do about damage; the end of the messages.
  let remedy: String
  private let storage: Storage

  /// Maps a file and checks it.
  ///
  /// If the metadata has a `sha256`, the data must have that digest, and the header its `header_sha256` if it has one;
  /// `verifyingChecksum: false` omits this check. `remedy` ends the messages about damage.
  /// Throws ``ModelFormatError``, with the path and where possible the byte offset.
  /// - Complexity: O(header), and O(file) for the checksum.
  package init(
    path: String, verifyingChecksum: Bool = true, remedy: String = TensorArchive.remedy
  ) throws(ModelFormatError) {
    let file = try MappedFile(path: path)
    try self.init(.file(file), path: path, verifyingChecksum: verifyingChecksum, remedy: remedy)
  }

  /// Checks an archive that is in memory already; `path` names it in errors.
  ///
  /// See ``init(path:verifyingChecksum:remedy:)``.
  package init(
    bytes: [UInt8], path: String = "<memory>", verifyingChecksum: Bool = true,
    remedy: String = TensorArchive.remedy
  ) throws(ModelFormatError) {
    try self.init(.memory(bytes), path: path, verifyingChecksum: verifyingChecksum, remedy: remedy)
  }

  private init(
    _ storage: Storage, path: String, verifyingChecksum: Bool, remedy: String
  ) throws(ModelFormatError) {
    let opened: (header: SafetensorsHeader, fileSize: Int, isVerified: Bool)
    do throws(ModelFormatError) {
      opened = try storage.withUnsafeBytes { (file) throws(ModelFormatError) in
        let header = try SafetensorsHeader(file: file, remedy: remedy)
        guard verifyingChecksum, let expected = header.metadata["sha256"] else {
          return (header, file.count, false)
        }
        try Self.verify(
          UnsafeRawBufferPointer(rebasing: file[header.byteCount...]), expected, header.byteCount, remedy)
        try Self.verify(header, remedy)
        return (header, file.count, true)
      }
    } catch {
      throw error.inFile(path)
    }
    self.remedy = remedy
    self.storage = storage
    self.path = path
    metadata = opened.header.metadata
    tensors = opened.header.tensors
    headerSize = opened.header.byteCount
    fileSize = opened.fileSize
    isChecksumVerified = opened.isVerified
  }

  /// The tensors in the order of their bytes.
  package var entriesInFileOrder: [Entry] {
    tensors.values.sorted {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound, $0.name)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound, $1.name)
    }
  }

  /// Calls `body` with a tensor's bytes where they lie, without a copy; they may not be aligned.
  package func withUnsafeBytes<Result, Failure: Error>(
    of entry: Entry, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try storage.withUnsafeBytes { (file) throws(Failure) in
      let data = UnsafeRawBufferPointer(rebasing: file[headerSize...])
      return try body(UnsafeRawBufferPointer(rebasing: data[entry.byteRange]))
    }
  }

  private static func verify(_ header: SafetensorsHeader, _ remedy: String) throws(ModelFormatError) {
    guard let expected = header.metadata[HeaderDigest.key] else { return }
    let found = HeaderDigest.hexDigest(
      metadata: header.metadata, tensors: header.tensors.values.map { ($0.name, $0.type.rawValue, $0.shape) })
    guard found == expected.lowercased() else {
      throw mismatch("the header", found, expected, byteOffset: 8, remedy)
    }
  }

  private static func verify(
    _ data: UnsafeRawBufferPointer, _ expected: String, _ byteOffset: Int, _ remedy: String
  ) throws(ModelFormatError) {
    let found = SHA256.hexDigest(of: data)
    guard found == expected.lowercased() else {
      throw mismatch("the data", found, expected, byteOffset: byteOffset, remedy)
    }
  }

  /// What to do comes first: the digests are long, and help only whoever compares files.
  private static func mismatch(
    _ part: String, _ found: String, _ expected: String, byteOffset: Int, _ remedy: String
  ) -> ModelFormatError {
    ModelFormatError(
      .checksumMismatch,
      "\(part) is not what was written; \(remedy); its SHA-256 is \(found) instead of \(expected)",
      byteOffset: byteOffset)
  }
}

/// Where an archive's bytes are.
private enum Storage: Sendable {
  case file(MappedFile)
  case memory([UInt8])

  func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch self {
    case .file(let file): try file.withUnsafeBytes(body)
    case .memory(let bytes):
      try bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in try body(UnsafeRawBufferPointer(buffer))
      }
    }
  }
}

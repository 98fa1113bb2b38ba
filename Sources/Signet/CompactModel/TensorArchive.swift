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

  /// What to do about a file that isn't as it was written; the end of most messages here.
  static let remedy = "the file is damaged or foreign: copy or export it again"

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
  private let storage: Storage

  /// Maps a file and checks it.
  ///
  /// If the metadata has a `sha256`, the data must have that digest, and the header its `header_sha256` if it has one;
  /// `verifyingChecksum: false` omits this check.
  /// Throws ``ModelFormatError``, with the path and where possible the byte offset.
  /// - Complexity: O(header), and O(file) for the checksum.
  package init(path: String, verifyingChecksum: Bool = true) throws(ModelFormatError) {
    let file = try MappedFile(path: path)
    try self.init(.file(file), path: path, verifyingChecksum: verifyingChecksum)
  }

  /// Checks an archive that is in memory already; `path` names it in errors.
  ///
  /// See ``init(path:verifyingChecksum:)``.
  package init(
    bytes: [UInt8], path: String = "<memory>", verifyingChecksum: Bool = true
  ) throws(ModelFormatError) {
    try self.init(.memory(bytes), path: path, verifyingChecksum: verifyingChecksum)
  }

  private init(_ storage: Storage, path: String, verifyingChecksum: Bool) throws(ModelFormatError) {
    let opened: (header: SafetensorsHeader, fileSize: Int, isVerified: Bool)
    do throws(ModelFormatError) {
      opened = try storage.withUnsafeBytes { (file) throws(ModelFormatError) in
        let header = try SafetensorsHeader(file: file)
        guard verifyingChecksum, let expected = header.metadata["sha256"] else {
          return (header, file.count, false)
        }
        try Self.verify(
          UnsafeRawBufferPointer(rebasing: file[header.byteCount...]), expected, header.byteCount)
        try Self.verify(header)
        return (header, file.count, true)
      }
    } catch {
      throw error.inFile(path)
    }
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

  private static func verify(_ header: SafetensorsHeader) throws(ModelFormatError) {
    guard let expected = header.metadata[HeaderDigest.key] else { return }
    let found = HeaderDigest.hexDigest(
      metadata: header.metadata, tensors: header.tensors.values.map { ($0.name, $0.type.rawValue, $0.shape) })
    guard found == expected.lowercased() else {
      throw ModelFormatError(
        .checksumMismatch, "the header has the SHA-256 \(found) but \(expected) was written; \(remedy)",
        byteOffset: 8)
    }
  }

  private static func verify(
    _ data: UnsafeRawBufferPointer, _ expected: String, _ byteOffset: Int
  ) throws(ModelFormatError) {
    let found = SHA256.hexDigest(of: data)
    guard found == expected.lowercased() else {
      throw ModelFormatError(
        .checksumMismatch, "the data has the SHA-256 \(found) but \(expected) was written; \(remedy)",
        byteOffset: byteOffset)
    }
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

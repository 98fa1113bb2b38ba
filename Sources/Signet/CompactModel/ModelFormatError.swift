// SPDX-License-Identifier: Apache-2.0

/// A file that can't be read, written or understood: what is wrong, where, and what to do about it.
public struct ModelFormatError: Error, CustomStringConvertible, Sendable {
  /// The kind of failure; new kinds may be added without breaking callers.
  public struct Code: RawRepresentable, Hashable, Sendable {
    /// The stable name of the code.
    public let rawValue: String

    /// Creates a code from its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// The file is of another format altogether.
    public static let notSafetensors = Code(rawValue: "not_safetensors")
    /// The file ends before the bytes that its header promises.
    public static let truncated = Code(rawValue: "truncated")
    /// The header isn't the JSON object that the format asks for.
    public static let badHeader = Code(rawValue: "bad_header")
    /// A tensor's bytes overlap another's, leave a hole or lie outside the file.
    public static let badOffsets = Code(rawValue: "bad_offsets")
    /// A shape is impossible, doesn't fit its bytes, or isn't the expected one.
    public static let badShape = Code(rawValue: "bad_shape")
    /// The data isn't the data that was written.
    public static let checksumMismatch = Code(rawValue: "checksum_mismatch")
    /// A tensor that the reader needs is not in the file.
    public static let missingTensor = Code(rawValue: "missing_tensor")
    /// A tensor has another element type than the reader needs.
    public static let wrongType = Code(rawValue: "wrong_type")
    /// The file was written for another version of the format.
    public static let unsupportedVersion = Code(rawValue: "unsupported_version")
    /// The file can't be opened or read.
    public static let unreadable = Code(rawValue: "unreadable")
    /// The file can't be written; what was there before is unchanged.
    public static let unwritable = Code(rawValue: "unwritable")
    /// The metadata is missing, malformed or contradicts the tensors.
    public static let badMetadata = Code(rawValue: "bad_metadata")
    /// The file is valid but uses something that this build doesn't know.
    public static let unsupported = Code(rawValue: "unsupported")
  }

  /// The kind of failure.
  public let code: Code
  /// What is wrong and what to do about it.
  public let message: String
  /// The file, if the failure belongs to one.
  public let path: String?
  /// Where in the file, counted from its first byte, if the failure has a place.
  public let byteOffset: Int?

  /// Creates an error; `message` ends with what to do.
  package init(_ code: Code, _ message: String, path: String? = nil, byteOffset: Int? = nil) {
    self.code = code
    self.message = message
    self.path = path
    self.byteOffset = byteOffset
  }

  /// The error as one line: `path: message (at byte N)`.
  public var description: String {
    let prefix = path.map { "\($0): " } ?? ""
    let suffix = byteOffset.map { " (at byte \($0))" } ?? ""
    return prefix + message + suffix
  }

  /// The same error with the file named, unless it names one already.
  package func inFile(_ path: String) -> ModelFormatError {
    ModelFormatError(code, message, path: self.path ?? path, byteOffset: byteOffset)
  }
}

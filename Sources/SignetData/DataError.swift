// SPDX-License-Identifier: Apache-2.0

/// Why data could not be read or prepared: what is wrong, where, and what to do about it.
package struct DataError: Error, CustomStringConvertible, Hashable, Sendable {
  /// The kind of a failure, for programs; people read ``DataError/message``.
  package struct Code: RawRepresentable, Hashable, Sendable {
    /// A stable, lower-case name.
    package let rawValue: String

    /// Creates a code from its name.
    package init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// A file or folder does not exist.
    package static let notFound = Code(rawValue: "not_found")
    /// The system refused to open or read something that exists.
    package static let unreadable = Code(rawValue: "unreadable")
    /// The system failed at something that may work another time: the disk or the network, open files, memory.
    package static let systemFailure = Code(rawValue: "system_failure")
    /// A file is not the one that it was when its folder was looked through.
    package static let changed = Code(rawValue: "changed")
    /// The file is of another format than was asked for.
    package static let wrongFormat = Code(rawValue: "wrong_format")
    /// The format is right, but the content contradicts itself or its checksum.
    package static let damaged = Code(rawValue: "damaged")
    /// The file ends before its content does.
    package static let truncated = Code(rawValue: "truncated")
    /// The file goes on after its content.
    package static let trailingBytes = Code(rawValue: "trailing_bytes")
    /// A valid file of a kind that is not read.
    package static let unsupported = Code(rawValue: "unsupported")
    /// More bytes or pixels than is sensible.
    package static let tooLarge = Code(rawValue: "too_large")
    /// There is nothing to read where something is needed.
    package static let empty = Code(rawValue: "empty")
    /// Two parts of a data set disagree in their number of images.
    package static let countMismatch = Code(rawValue: "count_mismatch")
    /// A label names a class that the data set does not have.
    package static let labelOutOfRange = Code(rawValue: "label_out_of_range")
    /// A data specification that cannot be parsed.
    package static let invalidSpecification = Code(rawValue: "invalid_specification")
    /// A size, count or shape that the caller gave does not fit.
    package static let invalidArgument = Code(rawValue: "invalid_argument")
  }

  /// The kind of the failure.
  package var code: Code
  /// What is wrong and what to do.
  package var message: String
  /// The file or folder concerned; `nil` if the fault is not in a file.
  package var path: String?
  /// Where in the file, in bytes from its start, if that helps.
  package var byteOffset: Int?

  /// Creates an error; see the properties.
  package init(_ code: Code, _ message: String, path: String? = nil, byteOffset: Int? = nil) {
    self.code = code
    self.message = message
    self.path = path
    self.byteOffset = byteOffset
  }

  /// Whether a file itself is at fault, and will be the next time: what may be passed over where unreadable files are.
  ///
  /// A disk that fails, too many open files or a lack of memory are not: images that are passed over then would make another run.
  package var isOfFile: Bool { path != nil && ![.systemFailure, .changed, .invalidArgument].contains(code) }

  /// Path, byte offset and message on one line.
  package var description: String {
    let place = [path, byteOffset.map { "byte \($0)" }].compactMap(\.self).joined(separator: ", ")
    return place.isEmpty ? message : "\(place): \(message)"
  }
}

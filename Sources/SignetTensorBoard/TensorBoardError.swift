// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why an event file could not be written.
package struct TensorBoardError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  package enum Code: Hashable, Sendable {
    /// The run's folder is missing and can't be made.
    case folder
    /// The event file can't be created.
    case create
    /// Events can't be written; those of earlier flushes are safe.
    case write
    /// The file was closed before.
    case closed
  }

  /// What went wrong.
  package let code: Code
  /// The file or folder in question.
  package let path: String
  /// The system's error number, 0 if there is none.
  package let errorNumber: Int32

  init(_ code: Code, path: String, errorNumber: Int32 = 0) {
    self.code = code
    self.path = path
    self.errorNumber = errorNumber
  }

  /// What, where, and what to do.
  package var description: String {
    switch code {
    case .folder: "\(path): can't make the folder for TensorBoard events: \(reason); choose another folder"
    case .create: "\(path): can't create the event file: \(reason); check the folder's permissions"
    case .write: "\(path): can't write events: \(reason); check the free space and the disk"
    case .closed: "\(path): the event file was closed before; create a new writer"
    }
  }

  private var reason: String {
    strerror(errorNumber).map { String(cString: $0) } ?? "error \(errorNumber)"
  }
}

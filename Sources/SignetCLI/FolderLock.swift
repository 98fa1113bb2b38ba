// SPDX-License-Identifier: Apache-2.0

import Foundation
import SignetTraining

/// Keeps other processes from a folder, from ``take()`` until it is let go of or this process ends, also by a kill.
///
/// A file system without locks lets all of them in.
final class FolderLock {
  private let path: String
  /// What is worked on, for the message.
  private let what: String
  private var descriptor: Int32 = -1

  init(_ path: String, of what: String) {
    (self.path, self.what) = (path, what)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Takes the lock, if it is not taken and the folder is there.
  ///
  /// - Throws: ``TrainingError`` if another process has it.
  func take() throws {
    guard descriptor < 0 else { return }
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor < 0 || flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      close(descriptor)
      descriptor = -1
      throw TrainingError(
        .badRun, "\(path): another process works on this \(what); wait for it, or stop it")
    }
  }
}

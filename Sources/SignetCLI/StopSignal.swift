// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Ctrl-C and SIGTERM as a request that is looked at between two steps; a second one, of either kind, ends the process at once.
///
/// Among several processes SIGUSR1 as well, which `mpirun` passes on without a time limit.
enum StopSignal {
  /// The work was asked to stop, and has: what is done is kept.
  struct Stopped: Error {}

  private static let isRequested = Atomic<Bool>(false)

  /// Catches both signals from now on.
  static func catchOnce() {
    // A handler may only do what is safe at any moment: the flag is made here, not there.
    _ = isRequested.load(ordering: .relaxed)
    // Whoever started this process may have had them blocked, as a pool's threads do.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGUSR1)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for number in [SIGINT, SIGTERM] + (Launch.current.isParallel ? [SIGUSR1] : []) {
      signal(number) { number in
        StopSignal.isRequested.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
        // Who is in a hurry may send the other one; SIGUSR1 alone leaves both as they are, for it may come early as a warning.
        if number != SIGUSR1 {
          signal(SIGINT, SIG_DFL)
          signal(SIGTERM, SIG_DFL)
        }
      }
    }
  }

  static var isAsked: Bool { isRequested.load(ordering: .relaxed) }

  static func check() throws {
    if isAsked { throw Stopped() }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Ctrl-C and SIGTERM as a request that is looked at between two steps; a second one, of either kind, ends the process at once.
///
/// So is SIGHUP, which a closed terminal sends, unless `nohup` had it ignored; a second one of it changes nothing, since shells
/// send it again. Among several processes SIGUSR1 as well, which `mpirun` passes on without a time limit.
enum StopSignal {
  /// The work was asked to stop, and has: what is done is kept.
  struct Stopped: Error {}

  private static let isRequested = Atomic<Bool>(false)
  /// Whether somebody is told that the request has come: a step may take long.
  private static let isTold = Atomic<Bool>(false)
  private static let told: StaticString =
    "\nstopping after this step, and keeping it; a second Ctrl-C ends at once, back at the last checkpoint\n"

  /// Catches both signals from now on.
  static func catchOnce() {
    // A handler may only do what is safe at any moment: the flag is made here, not there.
    _ = isRequested.load(ordering: .relaxed)
    isTold.store(isatty(STDERR_FILENO) == 1 && !Launch.current.isParallel, ordering: .relaxed)
    _ = told.utf8Start
    // Whoever started this process may have had them blocked, as a pool's threads do.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGHUP)
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
          if StopSignal.isTold.load(ordering: .relaxed) {
            _ = write(STDERR_FILENO, StopSignal.told.utf8Start, StopSignal.told.utf8CodeUnitCount)
          }
        }
      }
    }
    var before = sigaction()
    sigaction(SIGHUP, nil, &before)
    if !isIgnored(before) { signal(SIGHUP) { _ in StopSignal.isRequested.store(true, ordering: .relaxed) } }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    #if canImport(Darwin)
    let handler = action.__sigaction_u.__sa_handler
    #else
    let handler = action.__sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  static var isAsked: Bool { isRequested.load(ordering: .relaxed) }

  static func check() throws {
    if isAsked { throw Stopped() }
  }
}

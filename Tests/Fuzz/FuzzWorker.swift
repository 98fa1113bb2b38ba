// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Synchronization

/// What a worker tells its supervisor in a file that both have mapped, so that it is known after a crash as well.
struct FuzzState {
  /// The input in work.
  var number: Int64 = 0
  var read: Int64 = 0
  var refused: Int64 = 0
  /// 1 after an error of a foreign kind, 2 after too long a time.
  var fault: Int64 = 0

  /// Maps a file that has room for one.
  static func map(_ path: String, creating: Bool) throws -> UnsafeMutablePointer<FuzzState> {
    let descriptor = open(path, O_RDWR | (creating ? O_CREAT | O_TRUNC : 0), 0o600)
    defer { close(descriptor) }
    let size = MemoryLayout<FuzzState>.size
    guard descriptor >= 0, !creating || ftruncate(descriptor, off_t(size)) == 0,
      let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), address != MAP_FAILED
    else { throw FuzzPlace.Failure(description: "\(path) can't be mapped") }
    return address.bindMemory(to: FuzzState.self, capacity: 1)
  }
}

/// The process that tries inputs one after another, with a limit on its memory and on the time of each.
struct FuzzWorker {
  /// The status that tells of an input that failed otherwise than by a crash.
  static let faultStatus: Int32 = 99
  /// The most seconds of work that an input may take, and of time, where work is done by another process.
  static let mostSeconds = 1.0
  private static let mostWaiting = 20.0

  let parser: FuzzParser
  let seed: UInt64
  let state: String
  let place: FuzzPlace

  func run(_ range: Range<Int>) throws {
    let mutator = Mutator(parser, samples: try parser.samples(in: place), seed: seed)
    nonisolated(unsafe) let state = try FuzzState.map(state, creating: false)
    var limit = rlimit(rlim_cur: rlim_t(parser.memoryLimit), rlim_max: rlim_t(parser.memoryLimit))
    guard setrlimit(addressSpace, &limit) == 0 else {
      throw FuzzPlace.Failure(description: "the memory can't be limited")
    }
    let current = Atomic(Int64(range.lowerBound))
    WorkerThread.start { Self.watch(current, state) }
    for number in range {
      state.pointee.number = Int64(number)
      current.store(Int64(number), ordering: .relaxed)
      do {
        switch try parser.outcome(of: mutator.input(number), in: place) {
        case .read: state.pointee.read += 1
        case .refused: state.pointee.refused += 1
        }
      } catch {
        state.pointee.fault = 1
        FileHandle.standardError.write(Data("\(parser.rawValue), input \(number): \(error)\n".utf8))
        _exit(Self.faultStatus)
      }
    }
  }

  /// Ends the process at an input that takes too long; the work is counted, not the time, which other programs may need.
  private static func watch(_ current: borrowing Atomic<Int64>, _ state: UnsafeMutablePointer<FuzzState>) {
    var (number, work, began) = (Int64(-1), 0.0, ContinuousClock.now)
    while true {
      usleep(50_000)
      let now = current.load(ordering: .relaxed)
      if now != number { (number, work, began) = (now, processSeconds, .now) }
      let waited = began.duration(to: .now)
      if processSeconds - work > mostSeconds || waited > .seconds(mostWaiting) {
        state.pointee.fault = 2
        // What runs at an ordinary exit may wait for the thread that hangs.
        _exit(faultStatus)
      }
    }
  }

  private static var processSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

#if canImport(Darwin)
private let addressSpace = RLIMIT_AS
#else
private let addressSpace = __rlimit_resource_t(RLIMIT_AS.rawValue)
#endif

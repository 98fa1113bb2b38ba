// SPDX-License-Identifier: Apache-2.0

#if MPI
import SignetTraining

/// Numbers that a call of MPI reads or writes.
///
/// MPI may go on with them as long as the call has not ended, also if the wait for its end throws. So it is the caller who gives them back,
/// after that wait; if it throws they are left where they are, on purpose: the process is about to end.
struct CallBuffer<Element: BitwiseCopyable> {
  let pointer: UnsafeMutablePointer<Element>
  let count: Int

  init(_ values: some Collection<Element>) {
    count = values.count
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, count))
    _ = buffer.initialize(from: values)
    guard let start = buffer.baseAddress else { preconditionFailure("memory has no address") }
    pointer = start
  }

  func free() { pointer.deallocate() }

  /// The numbers, after which the memory is free.
  func take() -> [Element] {
    defer { free() }
    return Array(UnsafeBufferPointer(start: pointer, count: count))
  }
}

/// How many numbers of each rank a call moves, and where they begin.
struct CallLayout {
  let counts: CallBuffer<Int32>
  let places: CallBuffer<Int32>

  /// - Throws: ``TrainingError`` if they are more than MPI counts, in 32 bits.
  init(_ counts: [Int]) throws {
    var (places, end) = ([Int32](), 0)
    for count in counts {
      places.append(Int32(truncatingIfNeeded: end))
      end += count
    }
    guard end <= Int(Int32.max) else {
      throw TrainingError(.badRun, "\(end) numbers are too many for one call of MPI; use fewer shards")
    }
    self.counts = CallBuffer(counts.map { Int32(truncatingIfNeeded: $0) })
    self.places = CallBuffer(places)
  }

  func free() {
    counts.free()
    places.free()
  }
}
#endif

// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Signet
import Synchronization

/// The making of one batch by several threads, each of which writes the places that it takes.
struct BatchFilling {
  /// How many files in a row may be unreadable before skipping them gives up.
  static let mostSkipped = 1000

  let loader: BatchLoader
  let order: [Int]
  /// The place of the first image in the order.
  let start: Int
  let epochSeed: UInt64
  let inputs: UnsafeMutablePointer<Float>
  let labels: UnsafeMutablePointer<Int32>

  /// Writes `count` images, and returns how many there are: fewer where unreadable ones are left out.
  func fill(_ count: Int, workers: Int) throws(DataError) -> Int {
    let failures = Mutex<[Int: DataError]>([:])
    let next = Atomic(0)
    // Each place is one thread's, and the caller waits for all of them.
    nonisolated(unsafe) let filling = self
    let workers = loader.images.isStreamed ? max(1, min(workers, count)) : 1
    let work: @Sendable (Int) -> Void = { _ in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * filling.loader.inputCount) { room in
        while true {
          let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard place < count else { return }
          do throws(DataError) {
            try filling.write(place, room: room)
          } catch {
            failures.withLock { $0[place] = error }
          }
        }
      }
    }
    if workers == 1 { work(0) } else { DispatchQueue.concurrentPerform(iterations: workers, execute: work) }
    let failed = failures.withLock { $0 }
    guard let first = failed.min(by: { $0.key < $1.key })?.value else { return count }
    if loader.images.skipped == nil || loader.shuffled { throw first }
    let serious = failed.filter { !$0.value.isOfFile }
    if let error = serious.min(by: { $0.key < $1.key })?.value { throw error }
    return closeUp(count, without: failed)
  }

  /// Writes the image of a place, or the next one that can be read.
  private func write(_ place: Int, room: UnsafeMutableBufferPointer<UInt8>) throws(DataError) {
    let mayReplace = loader.images.skipped != nil && loader.shuffled
    for offset in 0..<min(mayReplace ? Self.mostSkipped : 1, order.count) {
      do throws(DataError) {
        return try write(image: order[(start + place + offset) % order.count], to: place, room: room)
      } catch {
        if !mayReplace || !error.isOfFile { throw error }
      }
    }
    throw DataError(
      .empty,
      "\(loader.images.name): \(min(Self.mostSkipped, order.count)) images in a row can't be read; mend the files or the path"
    )
  }

  private func write(
    image index: Int, to place: Int, room: UnsafeMutableBufferPointer<UInt8>
  ) throws(DataError) {
    let images = loader.images
    precondition((0..<images.count).contains(index), "image \(index) of \(images.count)")
    let size = loader.inputCount
    let scratch = UnsafeMutableBufferPointer(rebasing: room[..<size])
    let choice = loader.augmentation.choice(epochSeed: epochSeed, index: index)
    try images.withPixels(at: index, crop: choice.resizedCrop, scratch: scratch) { image in
      let target = inputs + place * size
      guard choice.changesInput else { return loader.normalize(image, into: target) }
      let changed = UnsafeMutableBufferPointer(rebasing: room[size..<2 * size])
      choice.crop.apply(
        image, into: changed, height: images.height, width: images.width, channels: images.channels)
      if choice.isFlipped {
        HorizontalFlip.apply(changed, height: images.height, width: images.width, channels: images.channels)
      }
      loader.normalize(UnsafeBufferPointer(changed), into: target)
    }
    labels[place] = Int32(truncatingIfNeeded: images.label(at: index))
  }

  /// Moves the images together that could be read.
  private func closeUp(_ count: Int, without failed: [Int: DataError]) -> Int {
    let size = loader.inputCount
    var kept = 0
    for place in 0..<count where failed[place] == nil {
      if kept < place {
        (inputs + kept * size).update(from: inputs + place * size, count: size)
        labels[kept] = labels[place]
      }
      kept += 1
    }
    return kept
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SignetData
import SignetTraining

extension Augmentation: ExpressibleByArgument {
  package init?(argument: String) {
    guard let augmentation = try? Augmentation(parsing: argument) else { return nil }
    self = augmentation
  }
}

/// The batches of a run, prepared while the network trains on those before them.
final class TrainingBatches {
  /// What makes the batches.
  let loader: BatchLoader
  /// How long training waited for batches that were not ready.
  private(set) var waited = Duration.zero
  private let workers: Int
  private let clock = ContinuousClock()
  private var trained = Duration.zero
  /// What the loader did in epochs that are over, and in the one that is not.
  private var before: (images: Int, time: Duration) = (0, .zero)
  private var prefetcher: BatchPrefetcher?

  /// The batches that a run's configuration asks for; a last one that is not full is left out.
  ///
  /// With a group, of each batch the images of this rank's shards; `workers` threads decode them, if they are files.
  init(
    _ images: any ImageSource, _ configuration: RunConfiguration, workers: Int, group: ShardGroup? = nil
  ) throws {
    self.workers = workers
    loader = try BatchLoader(
      images: images, preprocessing: configuration.preprocessing, batchSize: configuration.batchSize,
      seed: configuration.seed, shuffled: true, dropLast: images.count >= configuration.batchSize,
      augmentation: Augmentation(parsing: configuration.augmentation ?? "none"),
      part: group.map { BatchPart(own: $0.own, pieces: $0.shards) } ?? .whole)
  }

  /// Gives the batches of an epoch from `first` on, one a call, then nil; each is valid until the next call.
  func epoch(_ epoch: Int, from first: Int = 0) -> () throws -> TrainingBatch? {
    let prefetcher = BatchPrefetcher(
      loader: loader, epoch: epoch, firstBatch: first, workers: workers,
      ahead: loader.images.isStreamed ? Self.batchesAhead : 1)
    before = work
    self.prefetcher = prefetcher
    var current: Batch?
    // Batches are full, or there is one alone that is not.
    let whole = min(loader.batchSize, loader.images.count)
    var handedOut: ContinuousClock.Instant?
    return { [self] in
      if let handedOut { trained += handedOut.duration(to: clock.now) }
      let before = prefetcher.waited
      defer {
        waited += prefetcher.waited - before
        handedOut = clock.now
      }
      current = try prefetcher.next()
      return current.map { TrainingBatch(inputs: $0.inputs, labels: $0.labels, wholeCount: whole) }
    }
  }

  /// How many batches of files are decoded ahead of the step that needs them.
  private static let batchesAhead = 2

  private var work: (images: Int, time: Duration) {
    let current = prefetcher?.work ?? (0, .zero)
    return (before.images + current.images, before.time + current.time)
  }

  /// The share of the time between steps' starts that training spent waiting for data.
  ///
  /// Data cost more than that: decoding takes processor time from the steps meanwhile, which only a run without it can tell.
  var waitShare: Double {
    let all = (waited + trained).seconds
    return all > 0 ? waited.seconds / all : 0
  }

  /// How many images a second the loader makes, beside the training.
  var imagesPerSecond: Double {
    let work = work
    return work.time > .zero ? Double(work.images) / work.time.seconds : 0
  }

  /// Both, where images are read from files.
  var summary: String {
    guard loader.images.isStreamed, work.images > 0 else { return "" }
    return "  loader \(Int(imagesPerSecond)) images/s, waited \(String.fixed(waitShare * 100, 1)) %"
  }
}

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

/// The batches of a run, each prepared while the network trains on the one before it.
final class TrainingBatches {
  /// What makes the batches.
  let loader: BatchLoader
  /// How long training waited for batches that were not ready.
  private(set) var waited = Duration.zero

  /// The batches that a run's configuration asks for; a last one that is not full is left out.
  ///
  /// With a group, of each batch the images of this rank's shards.
  init(_ images: LabelledImages, _ configuration: RunConfiguration, group: ShardGroup? = nil) throws {
    loader = try BatchLoader(
      images: images, preprocessing: configuration.preprocessing, batchSize: configuration.batchSize,
      seed: configuration.seed, shuffled: true, dropLast: images.count >= configuration.batchSize,
      augmentation: Augmentation(parsing: configuration.augmentation ?? "none"),
      part: group.map { BatchPart(own: $0.own, pieces: $0.shards) } ?? .whole)
  }

  /// Gives the batches of an epoch from `first` on, one a call, then nil; each is valid until the next call.
  func epoch(_ epoch: Int, from first: Int = 0) -> () -> TrainingBatch? {
    let prefetcher = BatchPrefetcher(loader: loader, epoch: epoch, firstBatch: first)
    var current: Batch?
    // Batches are full, or there is one alone that is not.
    let whole = min(loader.batchSize, loader.images.count)
    return { [self] in
      let before = prefetcher.waited
      current = prefetcher.next()
      waited += prefetcher.waited - before
      return current.map { TrainingBatch(inputs: $0.inputs, labels: $0.labels, wholeCount: whole) }
    }
  }
}

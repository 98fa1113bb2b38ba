// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Images ready for the network, with their labels.
package struct Batch {
  private let storage: BatchStorage
  /// Images in the batch.
  package let count: Int
  /// The classes of the images.
  ///
  /// - Shapes: `[count]`.
  package let labels: [Int32]

  fileprivate init(_ storage: BatchStorage, count: Int) {
    self.storage = storage
    self.count = count
    labels = Array(UnsafeBufferPointer(start: storage.labels, count: count))
  }

  /// The network's input; valid as long as this batch is kept.
  ///
  /// - Shapes: `[count, height, width, channels]`.
  package var inputs: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: storage.inputs, count: count * storage.inputCount)
  }
}

/// Prepares the next batches of an epoch on another thread while the caller works on one.
///
/// The batches are those of ``BatchLoader``, in the same order. Buffers are used again once the caller has let go of
/// the batch they belong to, so an epoch allocates as many as are in use at a time. For one caller at a time.
package final class BatchPrefetcher {
  private let loader: BatchLoader
  private let epoch: Int
  private let order: [Int]
  private let batchCount: Int
  private let queue = DispatchQueue(label: "signet.batches", qos: .userInitiated)
  private var buffers: [BatchStorage] = []
  /// The batch being prepared, and the signal that it is ready.
  private var pending: (storage: BatchStorage, ready: DispatchSemaphore)?
  private var nextBatch: Int
  /// How long ``next()`` waited for batches that were not ready.
  package private(set) var waited = Duration.zero

  /// Starts to prepare the first batch of an epoch.
  ///
  /// - Parameters:
  ///   - loader: what makes the batches.
  ///   - epoch: what order and augmentation differ by.
  ///   - firstBatch: where to start, for a run that goes on within an epoch.
  package init(loader: BatchLoader, epoch: Int, firstBatch: Int = 0) {
    precondition(firstBatch >= 0, "batch \(firstBatch)")
    self.loader = loader
    self.epoch = epoch
    order = loader.order(epoch: epoch)
    batchCount = loader.batchesPerEpoch
    nextBatch = firstBatch
    prepare()
  }

  /// The next batch, or `nil` after the last of the epoch; waits until it is ready.
  package func next() -> Batch? {
    guard let (storage, ready) = pending else { return nil }
    waited += ContinuousClock().measure { ready.wait() }
    pending = nil
    prepare()
    return Batch(storage, count: storage.count)
  }

  private func prepare() {
    guard nextBatch < batchCount else { return }
    let storage = unusedBuffer()
    let ready = DispatchSemaphore(value: 0)
    // The closure keeps what it needs alive, and not the prefetcher: one that is dropped early just ends.
    queue.async { [loader, order, epoch, nextBatch] in
      storage.count = loader.fill(
        batch: nextBatch, of: order, epoch: epoch, inputs: storage.inputs, labels: storage.labels)
      ready.signal()
    }
    pending = (storage, ready)
    nextBatch += 1
  }

  /// A buffer that no batch holds; a new one if all are in use.
  private func unusedBuffer() -> BatchStorage {
    for index in buffers.indices where isKnownUniquelyReferenced(&buffers[index]) { return buffers[index] }
    let storage = BatchStorage(
      capacity: loader.part.capacity(in: min(loader.batchSize, loader.images.count)),
      inputCount: loader.inputCount)
    buffers.append(storage)
    return storage
  }
}

/// The memory of one batch.
///
/// Written by the queue until its semaphore is signalled, and only read after that: hence the unchecked `Sendable`.
private final class BatchStorage: @unchecked Sendable {
  let inputs: UnsafeMutablePointer<Float>
  let labels: UnsafeMutablePointer<Int32>
  let inputCount: Int
  var count = 0

  init(capacity: Int, inputCount: Int) {
    self.inputCount = inputCount
    inputs = .allocate(capacity: capacity * inputCount)
    labels = .allocate(capacity: capacity)
    inputs.initialize(repeating: 0, count: capacity * inputCount)
    labels.initialize(repeating: 0, count: capacity)
  }

  deinit {
    inputs.deallocate()
    labels.deallocate()
  }
}

// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

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

/// Prepares the next batches of an epoch on other threads while the caller works on one.
///
/// The batches are those of ``BatchLoader``, in the same order. Buffers are used again once the caller has let go of
/// the batch they belong to, so an epoch allocates as many as are in use at a time. For one caller at a time.
package final class BatchPrefetcher {
  private let loader: BatchLoader
  private let epoch: Int
  private let order: [Int]
  private let batchCount: Int
  private let workers: Int
  private let ahead: Int
  private let queue = DispatchQueue(label: "signet.batches", qos: .userInitiated)
  private var buffers: [BatchStorage] = []
  /// The batches being prepared, each with the signal that it is ready.
  private var pending: [(storage: BatchStorage, ready: DispatchSemaphore)] = []
  private var nextBatch: Int
  private let effort = Effort()
  /// How long ``next()`` waited for batches that were not ready.
  package private(set) var waited = Duration.zero

  /// Starts to prepare the first batches of an epoch.
  ///
  /// - Parameters:
  ///   - loader: what makes the batches.
  ///   - epoch: what order and augmentation differ by.
  ///   - firstBatch: where to start, for a run that goes on within an epoch.
  ///   - workers: threads that decode the images of a batch, if they are files.
  ///   - ahead: batches that are prepared before the caller asks for them.
  package init(loader: BatchLoader, epoch: Int, firstBatch: Int = 0, workers: Int = 1, ahead: Int = 1) {
    precondition(firstBatch >= 0, "batch \(firstBatch)")
    precondition(workers > 0 && ahead > 0, "\(workers) workers, \(ahead) batches ahead")
    self.loader = loader
    self.epoch = epoch
    self.workers = workers
    self.ahead = ahead
    order = loader.order(epoch: epoch)
    batchCount = loader.batchesPerEpoch
    nextBatch = firstBatch
    prepare()
  }

  /// What making the batches took so far.
  package var work: (images: Int, time: Duration) { effort.total }

  /// The next batch, or `nil` after the last of the epoch; waits until it is ready.
  ///
  /// - Throws: ``DataError`` of an image that can't be read; the epoch is over then.
  package func next() throws(DataError) -> Batch? {
    guard !pending.isEmpty else { return nil }
    let (storage, ready) = pending.removeFirst()
    waited += ContinuousClock().measure { ready.wait() }
    if let failure = storage.failure {
      pending = []
      nextBatch = batchCount
      throw failure
    }
    prepare()
    return Batch(storage, count: storage.count)
  }

  private func prepare() {
    while nextBatch < batchCount, pending.count < ahead {
      let storage = unusedBuffer()
      let ready = DispatchSemaphore(value: 0)
      // The closure keeps what it needs alive, and not the prefetcher: one that is dropped early just ends.
      queue.async { [loader, order, epoch, workers, nextBatch, effort] in
        let start = ContinuousClock.now
        do throws(DataError) {
          storage.count = try loader.fill(
            batch: nextBatch, of: order, epoch: epoch, workers: workers, inputs: storage.inputs,
            labels: storage.labels)
          storage.failure = nil
          effort.add(storage.count, start.duration(to: .now))
        } catch {
          storage.failure = error
        }
        ready.signal()
      }
      pending.append((storage, ready))
      nextBatch += 1
    }
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

  /// What the queue has done, added up.
  private final class Effort: Sendable {
    private let sum = Mutex<(images: Int, time: Duration)>((0, .zero))

    var total: (images: Int, time: Duration) { sum.withLock { $0 } }

    func add(_ images: Int, _ time: Duration) {
      sum.withLock { $0 = ($0.images + images, $0.time + time) }
    }
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
  var failure: DataError?

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

// SPDX-License-Identifier: Apache-2.0

package import Signet

/// The batches of each epoch, as the network's input: which images, in which order, with which changes.
///
/// Everything follows from the seed, the epoch and the images' indices, so any batch can be made again, by any
/// number of threads, in any order, with the same bits.
///
/// Of a file that can't be read, where such files are skipped, the place is taken by the next image in the epoch's order that can, if the
/// loader shuffles, which training does; else the batch has one image less, for evaluation must not count an image twice.
package struct BatchLoader: Sendable {
  /// Where the images come from.
  package let images: any ImageSource
  /// How bytes become inputs.
  package let preprocessing: Preprocessing
  /// Images in a batch; the last batch of an epoch may have fewer.
  package let batchSize: Int
  /// What the order and the augmentation derive from.
  package let seed: UInt64
  /// Whether each epoch has an order of its own.
  package let shuffled: Bool
  /// Whether a last batch with fewer images is left out.
  package let dropLast: Bool
  /// Random changes of the images; none when evaluating.
  package let augmentation: Augmentation
  /// Which images of each batch are made; all if this process has no others beside it.
  package let part: BatchPart
  private let table: [Float]

  /// Creates a loader after checking that the images are what the preprocessing describes.
  ///
  /// - Throws: ``DataError`` with code `.invalidArgument` or `.empty`.
  package init(
    images: any ImageSource, preprocessing: Preprocessing, batchSize: Int, seed: UInt64, shuffled: Bool,
    dropLast: Bool, augmentation: Augmentation = Augmentation(), part: BatchPart = .whole
  ) throws(DataError) {
    if images.count == 0 {
      throw DataError(.empty, "\(images.name) has no images to make batches of; choose a larger part of it")
    }
    guard batchSize > 0, !dropLast || batchSize <= images.count else {
      throw DataError(
        .invalidArgument,
        "a batch size of \(batchSize) is not possible with the \(images.count) images of \(images.name); "
          + "choose from 1 to \(images.count)")
    }
    guard
      (images.height, images.width, images.channels)
        == (preprocessing.height, preprocessing.width, preprocessing.channels)
    else {
      throw DataError(
        .invalidArgument,
        "\(images.name) has images of \(images.height)×\(images.width)×\(images.channels), but the input is "
          + "\(preprocessing.height)×\(preprocessing.width)×\(preprocessing.channels); fit the images to the input"
      )
    }
    guard preprocessing.mean.count == images.channels, preprocessing.deviation.count == images.channels,
      preprocessing.mean.allSatisfy(\.isFinite),
      preprocessing.deviation.allSatisfy({ $0.isFinite && $0 > 0 })
    else {
      throw DataError(
        .invalidArgument,
        "the preprocessing needs a finite mean and a positive deviation for each of the \(images.channels) channels"
      )
    }
    guard augmentation.padding >= 0, augmentation.padding <= ImageLimits.side else {
      throw DataError(
        .invalidArgument,
        "a padding of \(augmentation.padding) pixels is not possible; choose from 0 to \(ImageLimits.side)"
      )
    }
    self.images = images
    self.preprocessing = preprocessing
    self.batchSize = batchSize
    self.seed = seed
    self.shuffled = shuffled
    self.dropLast = dropLast
    self.augmentation = augmentation
    self.part = part
    table = preprocessing.table()
  }

  /// Batches in an epoch.
  package var batchesPerEpoch: Int { batches(of: images.count) }

  /// Numbers of one image's input.
  package var inputCount: Int { images.imageByteCount }

  /// The batches that `count` images make.
  func batches(of count: Int) -> Int {
    count / batchSize + (dropLast || count.isMultiple(of: batchSize) ? 0 : 1)
  }

  /// The indices of the images in the order of an epoch.
  package func order(epoch: Int) -> [Int] {
    guard shuffled else { return Array(0..<images.count) }
    var random = SplitMix64(seed: RandomStream.order.seed(seed, epoch: epoch))
    return random.permutation(images.count)
  }

  /// Writes one batch: `inputs = (p / 255 − mean) / deviation`, looked up in ``Preprocessing/table()``.
  ///
  /// - Parameters:
  ///   - batch: from 0 below the number of batches of `order`.
  ///   - order: image indices, from ``order(epoch:)`` or a part of it.
  ///   - epoch: what the augmentation differs by.
  ///   - workers: threads that share the images; no result depends on it.
  ///   - inputs: room for `batchSize` × ``inputCount`` numbers.
  ///   - labels: room for `batchSize` numbers.
  /// - Shapes: `inputs` is `[batch, height, width, channels]`, `labels` is `[batch]`.
  /// - Returns: the images written, which are those of ``part``.
  /// - Throws: ``DataError`` of the first image that can't be read, if the images are files; `.empty` if
  ///   ``BatchFilling/mostSkipped`` in a row can't.
  package func fill(
    batch: Int, of order: [Int], epoch: Int, workers: Int = 1, inputs: UnsafeMutablePointer<Float>,
    labels: UnsafeMutablePointer<Int32>
  ) throws(DataError) -> Int {
    precondition(
      batch >= 0 && batch < batches(of: order.count), "batch \(batch) of \(batches(of: order.count))")
    let start = batch * batchSize
    let own = part.range(in: min(batchSize, order.count - start))
    let filling = BatchFilling(
      loader: self, order: order, start: start + own.lowerBound,
      epochSeed: RandomStream.augmentation.seed(seed, epoch: epoch), inputs: inputs, labels: labels)
    return try filling.fill(own.count, workers: workers)
  }

  /// Writes the input that the bytes of an image become.
  func normalize(_ image: UnsafeBufferPointer<UInt8>, into output: UnsafeMutablePointer<Float>) {
    let channels = images.channels
    table.withUnsafeBufferPointer { table in
      if channels == 1 {
        for k in 0..<image.count { output[k] = table[Int(image[k])] }
      } else {
        var start = 0
        while start < image.count {
          for channel in 0..<channels {
            output[start + channel] = table[channel << 8 + Int(image[start + channel])]
          }
          start += channels
        }
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

package import Signet

/// Shards of a run's batches that it went on with others after.
package struct EarlierShards: Codable, Hashable, Sendable {
  package var shards: Int
  /// The last step that had them.
  package var untilStep: Int
}

/// All that is needed to repeat a training run.
package struct RunConfiguration: Codable, Hashable, Sendable {
  /// The data set as it was asked for, for instance `fashion-mnist`.
  package var data: String
  package var network: NetworkDescription
  package var method: Method
  package var preprocessing: Preprocessing
  package var classNames: [String]
  package var epochs: Int
  package var batchSize: Int
  /// Images held out of the training part.
  package var validation: Int
  package var seed: UInt64
  /// What binary layers' gradients are computed with; nil, as in files from before there was a choice, is fp32.
  package var precision: Precision?
  /// How training images are changed at random, as it was asked for, for instance `crop-flip`; nil, as in files from before there
  /// was a choice, is not at all.
  package var augmentation: String?
  /// Parts that each batch is cut into, whose gradients are added; nil is one.
  ///
  /// The bits of a run depend on it, but not on how many ranks share them out.
  package var shards: Int?
  /// The shards that it had before, if it went on with others, in their order; such a run can't be repeated in one go.
  package var earlierShards: [EarlierShards]?
  /// Whether BatchNorm and the β of binarizations are measured on the whole batch instead of each shard; nil is not.
  package var syncBatchNorm: Bool?
  /// Of training images that are read from their files: what tells them from others, without reading them.
  package var dataDigest: String?
  /// Whether image files that can't be read are passed over; nil, as in files from before, is not.
  package var skipUnreadable: Bool?
  /// The teacher that the run learns from beside the labels; nil if there is none.
  package var distillation: Distillation?

  package init(
    data: String, network: NetworkDescription, method: Method, preprocessing: Preprocessing,
    classNames: [String],
    epochs: Int, batchSize: Int, validation: Int, seed: UInt64, precision: Precision? = nil,
    augmentation: String? = nil, shards: Int? = nil, syncBatchNorm: Bool? = nil, dataDigest: String? = nil,
    skipUnreadable: Bool = false, distillation: Distillation? = nil
  ) {
    self.data = data
    self.network = network
    self.method = method
    self.preprocessing = preprocessing
    self.classNames = classNames
    self.epochs = epochs
    self.batchSize = batchSize
    self.validation = validation
    self.seed = seed
    self.precision = precision
    self.augmentation = augmentation
    self.shards = shards
    self.syncBatchNorm = syncBatchNorm
    self.dataDigest = dataDigest
    // Written only where it is so, as the others are.
    self.skipUnreadable = skipUnreadable ? true : nil
    self.distillation = distillation
  }

  /// What new runs take: 8 bits where the method has bits, fp32 for what it is compared with.
  package static func defaultPrecision(of method: Method) -> Precision {
    method.isBinary ? .int8 : .float32
  }

  package var inputShape: FeatureShape {
    FeatureShape(
      height: preprocessing.height, width: preprocessing.width, channels: preprocessing.channels)
  }

  /// The largest number of epochs, steps or images in a batch.
  static let largestCount = 1 << 40

  /// Checks what a file or a command line may have wrong.
  package func validated() throws -> RunConfiguration {
    let p = preprocessing
    guard (1...1 << 16).contains(p.height), (1...1 << 16).contains(p.width), (1...4).contains(p.channels),
      p.isConsistent, (p.zero != nil) == (method.firstLayer == .int8)
    else { throw TrainingError(.badOption, "the preprocessing does not fit an image") }
    for (name, value, least) in [
      ("epochs", epochs, 0), ("batch size", batchSize, 1), ("validation images", validation, 0),
      ("shards", shards ?? 1, 1),
    ] where !(least...Self.largestCount).contains(value) {
      throw TrainingError(.badOption, "\(value) is out of range for \(name)")
    }
    if let shards, shards > batchSize {
      throw TrainingError(
        .badOption,
        "a batch of \(counted(batchSize, "image")) can't be cut into \(shards) shards; give a larger batch, or fewer shards or ranks"
      )
    }
    _ = try method.validated()
    _ = try distillation?.validated()
    return self
  }

  /// Refuses a batch of which a part that is computed at once can't be in this machine's memory.
  ///
  /// Counted are its images as floats and two bytes for each output of a convolution, less than what a step needs.
  func checkMemory() throws {
    let images = batchSize / max(1, shards ?? 1)
    let outputs = try validated().layout().layers.reduce(0) { sum, layer in
      guard case .convolution(_, let window, let filters, _, _) = layer else { return sum }
      return sum + window.outPixels * filters
    }
    let (bytes, overflow) = images.multipliedReportingOverflow(by: 4 * inputShape.count + 2 * outputs)
    guard overflow || bytes > MemoryPool.physicalBytes else { return }
    throw TrainingError(
      .badOption,
      "\(counted(images, "image")) at once need more than the \(MemoryPool.physicalBytes >> 20) MiB of this machine's memory; give a smaller batch, or cut it by --shards"
    )
  }

  package func layout() throws -> NetworkLayout {
    try NetworkLayout(network, input: inputShape, classes: classNames.count)
  }

  /// The network with its initial weights.
  package func initialNetwork() throws -> Sequential {
    let network = try Sequential(
      validated().layout(), method: method, seed: seed, preprocessing: preprocessing)
    for case let layer as BinaryConvolution in network.layers {
      let depth = layer.weight.count / layer.output.channels
      // Accumulators must be exact as floats; a measured plane's integer weight is about 256 at most.
      guard depth * layer.binarizer.largestWeight < 1 << 24 else {
        let fewer = layer.binarizer.isUnipolar ? "activation bits" : "binarizations"
        throw TrainingError(
          .badOption,
          "layer “\(layer.name)” sums \(depth) products in \(layer.binarizer.planes) planes, too many to stay exact; use fewer \(fewer), groups or a pool before it"
        )
      }
    }
    return network
  }
}

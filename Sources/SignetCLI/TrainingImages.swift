// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import SignetTraining

extension NetworkFile {
  /// The training part of a data set, once the network is known to fit it.
  func trainingImages(
    of spec: DataSpec, root: String?, skipped: SkippedImages? = nil
  ) throws -> any ImageSource {
    // Pictures have any size and are fitted; sets of one size are refused by the network if they don't fit.
    func layout(_ sides: [Int]?) -> ImageLayout? {
      sides.map { ImageLayout(height: $0[0], width: $0[1], channels: $0.count > 2 ? $0[2] : 3) }
    }
    let images = try spec.open(
      split: .training, root: root,
      fit: .network(required: layout(description.input), usual: layout(description.usualInput)),
      skipped: skipped)
    let shape = FeatureShape(height: images.height, width: images.width, channels: images.channels)
    _ = try self.layout(input: shape, classes: images.classNames.count)
    return images
  }
}

extension DataSpec {
  /// The training images of a run that was started before: in its layout, and in memory or not as they were then.
  ///
  /// A run without a digest had them in memory, also those that are read as needed by now; its mean and deviation are of all of them.
  func images(
    of run: RunConfiguration, root: String?, skipped: SkippedImages?
  ) throws -> any ImageSource {
    try open(
      split: .training, root: root, fit: .layout(ImageLayout(run.preprocessing)), skipped: skipped,
      memoryLimit: run.dataDigest == nil ? .max : 0)
  }
}

extension Preprocessing {
  /// What brings images to mean 0 and deviation 1, in each channel, of those that are not held out.
  init(of images: any ImageSource, validation: Int, seed: UInt64, for method: Method) throws {
    let statistics = try images.heldOut(count: validation, seed: seed).training.channelStatistics()
    let preprocessing = Preprocessing(
      height: images.height, width: images.width, channels: images.channels, mean: statistics.mean,
      deviation: statistics.deviation, resize: images.layout.resize)
    self = method.firstLayer == .int8 ? preprocessing.withByteZero : preprocessing
  }
}

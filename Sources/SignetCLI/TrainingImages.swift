// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetData
import SignetTraining

extension NetworkFile {
  /// The training part of a data set, once the network is known to fit it.
  func trainingImages(of spec: DataSpec, root: String?) throws -> LabelledImages {
    // Pictures in a folder have any size and are fitted; sets of one size are refused by the network if they don't fit.
    let wanted = spec.kind == .folder ? description.input : nil
    let images = try spec.load(
      split: .training, root: root,
      layout: wanted.map { ImageLayout(height: $0[0], width: $0[1], channels: $0[2]) },
      mixedSize: description.usualInput.map { ($0[0], $0[1]) })
    let shape = FeatureShape(height: images.height, width: images.width, channels: images.channels)
    _ = try layout(input: shape, classes: images.classNames.count)
    return images
  }
}

extension Preprocessing {
  /// What brings images to mean 0 and deviation 1, in each channel, of those that are not held out.
  init(of images: LabelledImages, validation: Int, seed: UInt64, for method: Method) throws {
    let statistics = try images.heldOut(count: validation, seed: seed).training.channelStatistics()
    let preprocessing = Preprocessing(
      height: images.height, width: images.width, channels: images.channels, mean: statistics.mean,
      deviation: statistics.deviation)
    self = method.firstLayer == .int8 ? preprocessing.withByteZero : preprocessing
  }
}

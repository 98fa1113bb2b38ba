// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// The networks that can be asked for by name.
  package static let builtIn: [NetworkDescription] = [
    .ninSmall, .mlp, .ninCifar, .vggSmall, .nin, .alexNet,
  ]

  /// Height, width and channels of the images that the network is meant for, where that is known.
  ///
  /// Those of ``input`` are all it takes; else they are what stands in where nothing else says a size.
  package var usualInput: [Int]? {
    let isForCIFAR = name == Self.ninCifar.name || name == Self.vggSmall.name
    return input ?? (isForCIFAR ? [32, 32, 3] : nil)
  }
}

// SPDX-License-Identifier: Apache-2.0

package import Signet

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

  package init(
    data: String, network: NetworkDescription, method: Method, preprocessing: Preprocessing,
    classNames: [String],
    epochs: Int, batchSize: Int, validation: Int, seed: UInt64
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
  }

  package var inputShape: FeatureShape {
    FeatureShape(
      height: preprocessing.height, width: preprocessing.width, channels: preprocessing.channels)
  }

  package func layout() throws -> NetworkLayout {
    try NetworkLayout(network, input: inputShape, classes: classNames.count)
  }

  /// The network with its initial weights.
  package func initialNetwork() throws -> Sequential {
    Sequential(try layout(), method: try method.validated(), seed: seed)
  }
}

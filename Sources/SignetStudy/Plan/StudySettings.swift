// SPDX-License-Identifier: Apache-2.0

package import SignetTraining

/// What a study is asked to do: everything that its numbers depend on, but for its name and the time that there is.
package struct StudySettings: Codable, Hashable, Sendable {
  /// The data set as it was asked for.
  package var data: String
  package var network: NetworkDescription
  /// The network as it was asked for: a name or a file's path, without the width.
  package var networkOption: String
  /// Epochs of each run that are wanted; a time budget may allow fewer.
  package var epochs: Int
  package var batchSize: Int
  package var seeds: [UInt64]
  /// Planes of the binary net where they are not what is compared.
  package var binarizations: Int
  /// Images held out of the training part.
  package var validation: Int
  /// What training's products are computed with in all runs; nil for each method's own.
  package var precision: Precision?
  /// The learning rate of all runs where it is not what is compared; nil for each method's own.
  package var learningRate: Float?
  /// How the learning rate goes on in all runs; nil for each method's own.
  package var schedule: ScheduleKind?
  /// How training images are changed at random, as text.
  package var augmentation: String
  /// The factor of L2 where regularisers are compared.
  package var l2: Float
  /// Whether image files that can't be read are passed over; nil, as in files from before, is not.
  package var skipUnreadable: Bool?

  package init(
    data: String, network: NetworkDescription, networkOption: String, epochs: Int, batchSize: Int,
    seeds: [UInt64],
    binarizations: Int, validation: Int, precision: Precision? = nil, learningRate: Float? = nil,
    schedule: ScheduleKind? = nil, augmentation: String = "none", l2: Float = StudySettings.defaultL2,
    skipUnreadable: Bool = false
  ) {
    self.data = data
    self.network = network
    self.networkOption = networkOption
    self.epochs = epochs
    self.batchSize = batchSize
    self.seeds = seeds
    self.binarizations = binarizations
    self.validation = validation
    self.precision = precision
    self.learningRate = learningRate
    self.schedule = schedule
    self.augmentation = augmentation
    self.l2 = l2
    self.skipUnreadable = skipUnreadable ? true : nil
  }

  /// That of the bipolar regulariser, so that the two differ in nothing but their form.
  package static let defaultL2: Float = 5e-7
}

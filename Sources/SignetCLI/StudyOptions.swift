// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import SignetData
import SignetStudy
import SignetTraining

extension StudyName: ExpressibleByArgument {}

extension TimeBudget: ExpressibleByArgument {
  package init?(argument: String) {
    guard let budget = try? TimeBudget(parsing: argument) else { return nil }
    self = budget
  }
}

/// Seeds with commas between them.
struct SeedList: ExpressibleByArgument, Hashable {
  let seeds: [UInt64]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let seeds = parts.compactMap { UInt64($0) }
    guard seeds.count == parts.count, seeds.count <= 1000, Set(seeds).count == seeds.count else { return nil }
    self.seeds = seeds
  }
}

/// What a study's numbers depend on; for one that goes on, its own if not given.
struct StudyOptions: ParsableArguments {
  @Option(
    help:
      "\(NetworkDescription.builtIn.map(\.name).joined(separator: ", ")), or a YAML file; nin-small if not given."
  )
  var network: String?

  @OptionGroup var width: WidthOptions

  @Option(parsing: .unconditional, help: "Passes over the training images, of each run; 10 if not given.")
  var epochs: Int?

  @Option(help: "Seeds with commas between them; each run is done with each. 1 if not given.")
  var seeds: SeedList?

  @Option(parsing: .unconditional, help: "Images of a step; 64 if not given.")
  var batchSize: Int?

  @Option(
    parsing: .unconditional,
    help: "Planes of the binary net (M), 1 to 4, where they are not compared; 1 if not given.")
  var binarizations: Int?

  @Option(
    parsing: .unconditional,
    help:
      "Training images held out for the accuracy during training; a tenth of them, at most 5000, if not given."
  )
  var validation: Int?

  @Option(
    help:
      "What training's products are computed with: \(Precision.allCases.map(\.rawValue).joined(separator: ", ")); int8, or fp32 for full-precision, if not given."
  )
  var precision: Precision?

  @Option(
    help: ArgumentHelp(
      "How training images are changed at random, as in train: \(Augmentation.forms).", valueName: "kind"))
  var augmentation: Augmentation?

  @Option(
    parsing: .unconditional,
    help: "The learning rate of all runs where it is not compared; each method's own if not given.")
  var learningRate: Float?

  @Option(
    help:
      "How it goes on in all runs: \(ScheduleKind.allCases.map(\.rawValue).joined(separator: ", ")); each method's own if not given."
  )
  var schedule: ScheduleKind?

  @Option(
    name: .customLong("l2"), parsing: .unconditional,
    help:
      "The factor of L2 where regularisers are compared; that of the bipolar one, \(StudySettings.defaultL2.scientific), if not given."
  )
  var l2: Float?

  func validate() throws {
    if let epochs, !(1...1_000_000).contains(epochs) {
      throw ValidationError("--epochs \(epochs): give a number from 1 to 1000000")
    }
    if let batchSize, !(1...65536).contains(batchSize) {
      throw ValidationError("--batch-size \(batchSize): give a number from 1 to 65536")
    }
    if let binarizations, !(1...4).contains(binarizations) {
      throw ValidationError("--binarizations \(binarizations): give a number from 1 to 4")
    }
    if let validation, validation < 1 {
      throw ValidationError(
        "--validation \(validation): give 1 or more; the curves of a study are measured on these images")
    }
    if let learningRate, !learningRate.isFinite || learningRate <= 0 {
      throw ValidationError("--learning-rate \(learningRate): give a positive number")
    }
    if let l2, !l2.isFinite || l2 < 0 {
      throw ValidationError("--l2 \(l2): give 0 or a positive number")
    }
  }

  /// A new study's settings.
  func settings(
    data: DataSpec, network: NetworkDescription, images: any ImageSource, skipUnreadable: Bool
  ) -> StudySettings {
    StudySettings(
      data: data.description, network: network, networkOption: self.network ?? Self.defaultNetwork,
      epochs: epochs ?? 10, batchSize: batchSize ?? 64, seeds: seeds?.seeds ?? [1],
      binarizations: binarizations ?? 1, validation: validation ?? max(1, min(5000, images.count / 10)),
      precision: precision, learningRate: learningRate,
      schedule: schedule,
      augmentation: (augmentation ?? data.usualAugmentation(of: images.layout)).description,
      l2: l2 ?? StudySettings.defaultL2, skipUnreadable: skipUnreadable)
  }

  static let defaultNetwork = NetworkDescription.ninSmall.name

  /// Each option that was given must be the study's own.
  func check(
    against stored: StudyState, study: StudyName, data: String?, skipUnreadable: Bool, output: String
  ) throws {
    func check<Value: Equatable>(_ option: String, _ given: Value?, _ own: Value?, text: (Value) -> String)
      throws
    {
      guard let given, given != own else { return }
      throw TrainingError(
        .badRun,
        "\(output): \(option) \(text(given)), but the study was started with \(own.map(text) ?? "none"); leave the option out, or name a new folder with --output"
      )
    }
    let own = stored.settings
    guard !skipUnreadable || own.skipUnreadable == true else {
      throw TrainingError(
        .badRun,
        "\(output): --skip-unreadable is given, but the study was started without it; leave the option out, or name a new folder with --output"
      )
    }
    try check("the study is", study, stored.study) { "“\($0.rawValue)”" }
    try check("--data is", data, own.data) { $0 }
    if let network, try NetworkFile(network, width: own.network.width ?? 1).description != own.network {
      throw TrainingError(
        .badRun,
        "\(output): --network \(network) is not the study's network “\(own.network.name)”; leave the option out, or name a new folder with --output"
      )
    }
    try check("--width is", width.width, own.network.width ?? 1) { "\($0)" }
    try check("--augmentation is", augmentation?.description, own.augmentation) { $0 }
    try check("--epochs is", epochs, own.epochs) { "\($0)" }
    try check("--seeds is", seeds?.seeds, own.seeds) { $0.map(String.init).joined(separator: ",") }
    try check("--batch-size is", batchSize, own.batchSize) { "\($0)" }
    try check("--binarizations is", binarizations, own.binarizations) { "\($0)" }
    try check("--validation is", validation, own.validation) { "\($0)" }
    try check("--precision is", precision, own.precision) { $0.rawValue }
    try check("--learning-rate is", learningRate, own.learningRate) { $0.scientific }
    try check("--schedule is", schedule, own.schedule) { $0.rawValue }
    try check("--l2 is", l2, own.l2) { $0.scientific }
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetData
import SignetTraining

extension TrainCommand {
  /// A new run's configuration from the options, and its training images.
  func fresh(
    shards: Int, distillation: Distillation?, skipped: SkippedImages?
  ) throws -> (RunConfiguration, any ImageSource) {
    let spec = try data.spec()
    let file = try NetworkFile(network ?? "", width: width.width)
    let method = try adjusted(Method.named(self.method.method ?? Method.tang.name))
    let images = try file.trainingImages(of: spec, root: data.dataRoot, skipped: skipped)
    let (validation, seed) = (self.validation ?? 0, self.seed ?? 1)
    let configuration = RunConfiguration(
      data: spec.description, network: file.description, method: method,
      preprocessing: try Preprocessing(of: images, validation: validation, seed: seed, for: method),
      classNames: images.classNames, epochs: epochs ?? 1, batchSize: batchSize ?? 64, validation: validation,
      seed: seed, precision: precision ?? RunConfiguration.defaultPrecision(of: method),
      augmentation: (augmentation ?? spec.usualAugmentation(of: images.layout)).description,
      shards: shards > 1 ? shards : nil, syncBatchNorm: sharding.syncBatchNorm ? true : nil,
      dataDigest: images.digest, skipUnreadable: data.skipUnreadable, distillation: distillation)
    return (configuration, images)
  }

  /// The configuration of the run to resume, after checking that options and data are still its own.
  func resumed(
    _ stored: RunConfiguration, skipped: SkippedImages?
  ) throws -> (RunConfiguration, any ImageSource) {
    try checkOptions(against: stored)
    let images = try DataSpec(parsing: stored.data).images(of: stored, root: data.dataRoot, skipped: skipped)
    // Mean and deviation stand for the images: other ones would hardly have the same to the last bit.
    guard images.classNames == stored.classNames, images.digest == stored.dataDigest,
      try Preprocessing(of: images, validation: stored.validation, seed: stored.seed, for: stored.method)
        == stored.preprocessing
    else {
      throw TrainingError(
        .badRun,
        "\(output): \(stored.data) is not the data that the run was started with; restore it, or start a new run\(stored.dataDigest == nil ? "" : ". Images saved again or removed make it other data: put the files back as they were, and pass over those that can't be read with --skip-unreadable")"
      )
    }
    return (stored, images)
  }

  /// What to do about an image file that ended the run: another file in its place would make other data.
  func advising(on job: TrainingJob, _ run: () throws -> Trainer) throws -> Trainer {
    do {
      return try run()
    } catch let error as DataError
      where error.isOfFile && job.training.isStreamed && job.configuration.skipUnreadable != true
    {
      throw TrainingError(
        .badRun,
        "\(error). To keep what is trained, leave the file as it is and go on with signet train --resume --skip-unreadable --output \(output)"
      )
    }
  }

  /// Tells all options at once that a new run, or one that goes on, can't do without.
  func checkNothingIsMissing() throws {
    let missing = [
      ("--data", "fashion-mnist", !resume && data.data == nil),
      ("--network", "nin-small", !resume && network == nil),
      ("--epochs", "10", !resume && epochs == nil), ("--output", "runs/first", givenOutput == nil),
    ].filter(\.2)
    guard let last = missing.last else { return }
    let names = missing.dropLast().map(\.0).joined(separator: ", ")
    throw ValidationError(
      (names.isEmpty ? "\(last.0) is" : "\(names) and \(last.0) are")
        + " missing; for instance \(missing.map { "\($0.0) \($0.1)" }.joined(separator: " "))")
  }

  private func adjusted(_ base: Method) throws -> Method {
    var method = try self.method.applied(to: base)
    if let learningRate { method.learningRate = learningRate }
    if let schedule { method.schedule = schedule }
    if let regularizer { method.regularizer = regularizer }
    return method
  }

  /// Each option that was given must be the run's own.
  private func checkOptions(against stored: RunConfiguration) throws {
    func check<Value: Equatable>(_ option: String, _ given: Value?, _ own: Value?) throws {
      guard let given, given != own else { return }
      let started = own.map { "with \($0)" } ?? "without it"
      throw TrainingError(
        .badRun,
        "\(output): \(option) is \(given), but the run was started \(started); leave the option out, or start a new run"
      )
    }
    try check("--data", data.data, stored.data)
    if let network, try NetworkFile(network, width: stored.network.width ?? 1).description != stored.network {
      throw TrainingError(
        .badRun,
        "\(output): --network \(network) is not the run's network “\(stored.network.name)”, which is in its config.yaml; leave the option out, or start a new run"
      )
    }
    try check("--width", width.width, stored.network.width ?? 1)
    try check("--augmentation", augmentation, Augmentation(parsing: stored.augmentation ?? "none"))
    let method = stored.method
    try check("--method", self.method.method, method.name)
    try check("--binarizations", self.method.binarizations, method.binarizations)
    try check("--activation-bits", self.method.activationBits, method.activationBits)
    try check("--gradient-bits", self.method.gradientBits, method.gradientBits)
    try check("--activation", self.method.activation, method.activation)
    try check("--last-layer", self.method.lastLayer, method.lastLayer)
    try check("--first-layer", self.method.firstLayer, method.firstLayer ?? .float32)
    try check("--scale-layer", self.method.scaleLayer, method.scaleLayer ? .on : .off)
    try check("--learning-rate", learningRate, method.learningRate)
    try check("--schedule", schedule, method.schedule)
    try check("--regularizer", regularizer, method.regularizer)
    try check("--epochs", epochs, stored.epochs)
    try check("--batch-size", batchSize, stored.batchSize)
    try check("--validation", validation, stored.validation)
    try check("--seed", seed, stored.seed)
    try check("--shards", sharding.shards, stored.shards ?? 1)
    try check("--sync-batchnorm", sharding.syncBatchNorm ? true : nil, stored.syncBatchNorm ?? false)
    // Another path may lead to the same teacher, which is known by its digest.
    try check("--teacher", stored.distillation == nil ? teaching.teacher : nil, nil)
    try check("--teacher-weight", teaching.teacherWeight, stored.distillation?.weight)
    try check("--teacher-temperature", teaching.teacherTemperature, stored.distillation?.temperature)
    try check("--precision", precision?.rawValue, (stored.precision ?? .float32).rawValue)
  }
}

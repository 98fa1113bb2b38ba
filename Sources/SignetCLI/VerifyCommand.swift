// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetData
import SignetTraining

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare a checkpoint's training graph with the engine, bit by bit, layer by layer.")

  @Argument(help: "A run's checkpoint.safetensors.")
  var checkpoint: String

  @OptionGroup var data: DataOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  @Option(help: "Which part of the data: \(Split.allCases.map(\.rawValue).joined(separator: " or ")).")
  var split = Split.test

  @Option(parsing: .unconditional, help: "Images to compare; all if not given.")
  var images: Int?

  func validate() throws {
    try data.requireData()
    if let images, images < 1 { throw ValidationError("--images \(images): give a positive number") }
  }

  struct Layer: Encodable {
    let name: String
    let activations: Int
    let differentActivations: Int
    let ties: Int
    let accumulators: Int
    let differentAccumulators: Int
  }

  struct Result: Encodable {
    let count: Int
    let exact: Bool
    let sameClass: Int
    let identicalLogits: Int
    let largestLogitDifference: Float
    let layers: [Layer]
    let skippedImages: Int?
  }

  func run() throws {
    let trainer = try Checkpoint(path: checkpoint).trainer
    let batchSize = 100
    let crew = try threads.crew()
    let model = try CompactModel(bytes: trainer.compactModel(), path: checkpoint)
    let engine = try Engine(model, crew: crew, batch: 64)
    let skipped = data.skipped
    var set = try data.images(split, for: model, skipped: skipped)
    try engine.checkClasses(of: set)
    let available = set.count
    if let images { set = set.subset(Array(0..<min(images, available))) }
    var batches = try InputBatches(
      set, preprocessing: model.preprocessing, batchSize: batchSize, workers: crew.pool.threads)
    var verification = Verification(
      network: trainer.network, engine: engine, context: try ComputeContext(crew: crew))
    while let (inputs, labels) = try batches.batch() { try verification.add(inputs, images: labels.count) }
    skipped?.tell()
    let result = Result(
      count: verification.images, exact: verification.isExact, sameClass: verification.sameClass,
      identicalLogits: verification.identicalLogits,
      largestLogitDifference: verification.largestLogitDifference,
      layers: verification.rows.map {
        Layer(
          name: $0.layer, activations: $0.activations, differentActivations: $0.differentActivations,
          ties: $0.ties,
          accumulators: $0.accumulators, differentAccumulators: $0.differentAccumulators)
      }, skippedImages: skipped?.count)
    try output.print(result) {
      show(result)
      if let images, images > available {
        print("--images \(images): the \(split.rawValue) part has only \(counted(available, "image"))")
      }
    }
    guard verification.isAcceptable else {
      throw TrainingError(
        .badRun,
        "the engine and the training graph differ by more than float ties; please report this with the checkpoint"
      )
    }
  }

  private func show(_ result: Result) {
    print(
      "layer".padded(12, right: false) + "activation bits".padded(18) + "different".padded(11)
        + "ties".padded(6)
        + "accumulators".padded(15) + "different".padded(11))
    for layer in result.layers {
      print(
        layer.name.padded(12, right: false) + String(layer.activations).padded(18)
          + String(layer.differentActivations).padded(11) + String(layer.ties).padded(6)
          + String(layer.accumulators).padded(15) + String(layer.differentAccumulators).padded(11))
    }
    print(
      "\(counted(result.count, "image")): logits identical on \(result.identicalLogits), class equal on \(result.sameClass)"
        + (result.exact ? "; exact" : "; largest logit difference \(result.largestLogitDifference)"))
  }
}

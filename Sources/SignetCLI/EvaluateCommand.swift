// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetData

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure a compact model's accuracy with the packed engine.")

  @Argument(help: "A compact model (.signet).")
  var model: String

  @OptionGroup var data: DataOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  @Option(help: "Which part of the data: \(Split.allCases.map(\.rawValue).joined(separator: " or ")).")
  var split = Split.test

  @Option(parsing: .unconditional, help: "Images computed at a time; the result does not depend on it.")
  var batchSize = 64

  func validate() throws {
    try data.requireData()
    guard (1...65536).contains(batchSize) else {
      throw ValidationError("--batch-size \(batchSize): give a number from 1 to 65536")
    }
  }

  struct Result: Encodable {
    let count: Int
    let top1: Double
    let top5: Double
    let millisecondsPerImage: Double
    let logitsSha256: String
    let isa: String
    let threads: Int
    let skippedImages: Int?
  }

  func run() throws {
    let engine = try Engine(CompactModel(path: model), crew: threads.crew(), batch: batchSize)
    let skipped = data.skipped
    let images = try data.images(split, for: engine.model, skipped: skipped)
    let (evaluation, milliseconds) = try engine.evaluate(images, batchSize: batchSize)
    let result = Result(
      count: evaluation.count, top1: evaluation.top1, top5: evaluation.top5,
      millisecondsPerImage: milliseconds,
      logitsSha256: evaluation.logitsSHA256(), isa: engine.isa.rawValue, threads: engine.threads,
      skippedImages: skipped?.count)
    skipped?.tell()
    try output.print(result) {
      print("images          \(result.count)")
      print("top-1           \(String.fixed(result.top1 * 100, 2)) %")
      print("top-5           \(String.fixed(result.top5 * 100, 2)) %")
      print(
        "ms per image    \(String.fixed(result.millisecondsPerImage, 4)) (\(result.isa), \(counted(result.threads, "thread")))"
      )
      print("logits sha256   \(result.logitsSha256)")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetTraining

struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Time a compact model in the engine, step by step, against the machine's own peak.",
    discussion: """
      Times are of one image: the median of whole runs, and of each step. A step's share of the peak is that of the \
      multiply-adds a second that all threads reach on registers, measured in the same run.
      """)

  @Argument(help: "A compact model; leave it out to time an untrained network.")
  var model: String?

  @OptionGroup var network: NetworkOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  @Option(parsing: .unconditional, help: "Images in a run.")
  var batch = 1

  @Option(
    parsing: .unconditional,
    help: "Runs of which the median is taken; as many as take a second, and at least 10, if not given.")
  var runs: Int?

  @Flag(help: "Time whole training steps of an untrained network instead: forward, backward, Adam.")
  var training = false

  @Option(
    help:
      "With --training: what training's products are computed with, \(Precision.allCases.map(\.rawValue).joined(separator: ", ")); int8, or fp32 for full-precision, if not given."
  )
  var precision: Precision?

  @Option(
    help:
      "With --training: a file for the first step's input, labels, logits, parameters and gradients (safetensors)."
  )
  var saveStep: String?

  func validate() throws {
    try network.validate(beside: model)
    guard training || (precision == nil && saveStep == nil) else {
      throw ValidationError("--precision and --save-step go with --training")
    }
    if training, model != nil {
      throw ValidationError("--training takes --network NAME; a model file can't be trained")
    }
    guard (1...65536).contains(batch) else {
      throw ValidationError("--batch \(batch): give a number from 1 to 65536")
    }
    if let runs, !(1...1_000_000).contains(runs) {
      throw ValidationError("--runs \(runs): give a number from 1 to 1000000")
    }
  }

  func run() throws {
    if let objection = BuildConfiguration.current.objectionToTiming {
      throw DebugBuild(description: objection)
    }
    if training {
      try timeTraining()
      return
    }
    let compact =
      try model.map { try CompactModel(path: $0) }
      ?? CompactModel(bytes: network.untrainedModel(), path: "the untrained model")
    let engine = try Engine(compact, crew: threads.crew(), batch: batch)
    let report = BenchmarkReport(engine, EngineBenchmark(engine, effort: BenchmarkEffort(runs: runs)))
    try output.print(report) { report.show() }
  }

  private func timeTraining() throws {
    let configuration = try network.untrainedRun(
      batch: batch, precision: precision)
    let crew = try threads.crew()
    if let saveStep { try StepRecord(configuration, crew: crew).write(to: saveStep) }
    let benchmark = try TrainingBenchmark(configuration, crew: crew, effort: BenchmarkEffort(runs: runs))
    let report = TrainingBenchmarkReport(configuration, benchmark, crew: crew)
    try output.print(report) { report.show() }
  }
}

/// A build whose times would mislead.
struct DebugBuild: Error, CustomStringConvertible {
  let description: String
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetTraining

struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Time a compact model in the engine, step by step, against the machine's own peak.")

  @Argument(help: "A compact model; leave it out to time an untrained network.")
  var model: String?

  @OptionGroup var network: NetworkOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  @Option(parsing: .unconditional, help: "Images in a run.")
  var batch = 1

  @Option(parsing: .unconditional, help: "Runs of which the median is taken.")
  var runs = 30

  struct Layer: Encodable {
    let name: String
    let milliseconds: Double
    let binaryMacs: Int
    let floatMacs: Int
    let byteMacs: Int
    let shareOfPeak: Double?
  }

  struct Result: Encodable {
    let network: String
    let millisecondsPerImage: Double
    let isa: String
    let threads: Int
    let batch: Int
    let runs: Int
    let arenaBytes: Int
    let peakBinaryMacsPerSecond: Double
    let peakFloatMacsPerSecond: Double
    let peakByteMacsPerSecond: Double
    let layers: [Layer]
  }

  func validate() throws {
    guard (model == nil) != (network.network == nil) else {
      throw ValidationError("give either a model file or --network NAME")
    }
    guard (1...65536).contains(batch) else {
      throw ValidationError("--batch \(batch): give a number from 1 to 65536")
    }
    guard (1...1_000_000).contains(runs) else {
      throw ValidationError("--runs \(runs): give a number from 1 to 1000000")
    }
  }

  func run() throws {
    let compact =
      try model.map { try CompactModel(path: $0) }
      ?? CompactModel(bytes: network.untrainedModel(), path: "the untrained model")
    let engine = try Engine(compact, crew: threads.crew(), batch: batch)
    let benchmark = EngineBenchmark(engine, batch: batch, runs: runs)
    let result = Result(
      network: compact.network, millisecondsPerImage: benchmark.milliseconds / Double(batch),
      isa: engine.isa.rawValue,
      threads: engine.threads, batch: batch, runs: runs, arenaBytes: engine.arenaBytes,
      peakBinaryMacsPerSecond: benchmark.peakBinary, peakFloatMacsPerSecond: benchmark.peakFloat,
      peakByteMacsPerSecond: benchmark.peakByte,
      layers: benchmark.rows.map {
        Layer(
          name: $0.name, milliseconds: $0.milliseconds, binaryMacs: $0.binaryMACs, floatMacs: $0.floatMACs,
          byteMacs: $0.byteMACs, shareOfPeak: $0.shareOfPeak)
      })
    try output.print(result) { show(result) }
  }

  private func show(_ result: Result) {
    print(
      "step".padded(16, right: false) + "ms".padded(9) + "binary MMAC".padded(13) + "float MMAC".padded(12)
        + "byte MMAC".padded(11)
        + "of peak".padded(9))
    for layer in result.layers {
      print(
        layer.name.padded(16, right: false) + String.fixed(layer.milliseconds, 4).padded(9)
          + String.fixed(Double(layer.binaryMacs) / 1e6, 2).padded(13)
          + String.fixed(Double(layer.floatMacs) / 1e6, 2).padded(12)
          + String.fixed(Double(layer.byteMacs) / 1e6, 2).padded(11)
          + (layer.shareOfPeak.map { String.fixed($0 * 100, 0) + " %" } ?? "").padded(9))
    }
    print(
      "\(result.network): \(String.fixed(result.millisecondsPerImage, 4)) ms per image (median of \(result.runs) runs, batch \(result.batch), \(result.threads) threads, \(result.isa), arena \(result.arenaBytes) bytes)"
    )
    print(
      "peak of one thread: \(String.fixed(result.peakBinaryMacsPerSecond / 1e9, 0)) G binary MAC/s, \(String.fixed(result.peakFloatMacsPerSecond / 1e9, 1)) G float MAC/s, \(String.fixed(result.peakByteMacsPerSecond / 1e9, 1)) G byte MAC/s"
    )
  }
}

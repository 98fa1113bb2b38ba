// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining

/// What `signet benchmark --training` tells; times and multiply-adds are of one image.
struct TrainingBenchmarkReport: Encodable {
  struct Layer: Encodable {
    let name: String
    let depth: Int?
    let macs: Int?
    let forwardMilliseconds: Double?
    let forwardProductMilliseconds: Double?
    let backwardMilliseconds: Double?
    let weightGradientMilliseconds: Double?
    let inputGradientMilliseconds: Double?
    let forwardShareOfPeak: Double?
    let weightGradientShareOfPeak: Double?
    let inputGradientShareOfPeak: Double?
    let bothGradientsMilliseconds: Double?
    let bothGradientsShareOfPeak: Double?

    init(_ row: TrainingBenchmark.Row) {
      name = row.layer
      (depth, macs) = (row.depth, row.multiplyAdds)
      (forwardMilliseconds, forwardProductMilliseconds) = (row.forward, row.product)
      backwardMilliseconds = row.backward
      (weightGradientMilliseconds, inputGradientMilliseconds) = (row.weightGradient, row.inputGradient)
      func share(_ milliseconds: Double?, _ work: Int?, of peak: Double) -> Double? {
        guard let milliseconds, let work, milliseconds > 0, peak > 0 else { return nil }
        return Double(work) / (milliseconds * 1e-3) / peak
      }
      forwardShareOfPeak = share(row.product, row.forwardMultiplyAdds, of: row.forwardPeak)
      weightGradientShareOfPeak = share(row.weightGradient, row.multiplyAdds, of: row.peak)
      inputGradientShareOfPeak = share(
        row.inputGradient, row.insideMultiplyAdds ?? row.multiplyAdds, of: row.peak)
      bothGradientsMilliseconds = row.bothGradients
      bothGradientsShareOfPeak = share(row.bothGradients, row.multiplyAdds.map { 2 * $0 }, of: row.floatPeak)
    }
  }

  let network: String
  let method: String
  let binarizations: Int
  let activationBits: Int?
  let precision: String
  let millisecondsPerImage: Double
  let millisecondsPerImageMinimum: Double
  let millisecondsPerImageP90: Double
  let optimizerMilliseconds: Double
  let processor: String?
  let isa: String
  /// What the backward pass's products are made with: the instruction set and what it has beyond it.
  let gradientKernels: String
  let threads: Int
  let batch: Int
  let runs: Int
  let warmUpRuns: Int
  let peakMacsPerSecond: Double
  let peakMacsPerSecondAllThreads: Double
  let peakBinaryMacsPerSecond: Double
  let peakBinaryMacsPerSecondAllThreads: Double
  let peakResidentBytes: Int
  let layers: [Layer]
  let looksUpSums: Bool

  /// What binary layers read, as text.
  private var activations: String {
    if let activationBits { return "activations of \(counted(activationBits, "bit"))" }
    return binarizations > 0 ? "M = \(binarizations)" : "real activations"
  }

  init(_ configuration: RunConfiguration, _ benchmark: TrainingBenchmark, crew: Crew) {
    network = configuration.network.title
    (method, binarizations) = (configuration.method.name, configuration.method.binarizations)
    activationBits = configuration.method.activationBits
    precision = (configuration.precision ?? .float32).rawValue
    millisecondsPerImage = benchmark.whole.median
    millisecondsPerImageMinimum = benchmark.whole.minimum
    millisecondsPerImageP90 = benchmark.whole.ninetiethPercentile
    optimizerMilliseconds = benchmark.optimizer
    processor = Processor.name
    isa = crew.table.isa.rawValue
    gradientKernels = benchmark.gradientKernels
    (threads, batch) = (crew.pool.threads, configuration.batchSize)
    (runs, warmUpRuns) = (benchmark.whole.count, benchmark.warmUpSteps)
    peakMacsPerSecond = benchmark.peak.oneThread
    peakMacsPerSecondAllThreads = benchmark.peak.allThreads
    peakBinaryMacsPerSecond = benchmark.binaryPeak.oneThread
    peakBinaryMacsPerSecondAllThreads = benchmark.binaryPeak.allThreads
    peakResidentBytes = Self.peakResidentBytes
    layers = benchmark.rows.map(Layer.init)
    looksUpSums = benchmark.looksUpSums
  }

  /// The most memory that this process ever had.
  private static var peakResidentBytes: Int {
    var usage = rusage()
    #if canImport(Darwin)
    getrusage(RUSAGE_SELF, &usage)
    return Int(usage.ru_maxrss)
    #else
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024
    #endif
  }

  /// Prints a table, and below it what holds for the whole.
  func show() {
    let names = 2 + (layers.map(\.name.count).max() ?? 0)
    print(
      "layer".padded(names, right: false) + "K".padded(6) + "MMAC".padded(9) + "forward ms".padded(12)
        + "product".padded(9) + "of peak".padded(9) + "backward".padded(10) + "dW".padded(9)
        + "of peak".padded(9) + "dX".padded(9) + "of peak".padded(9))
    func time(_ milliseconds: Double?, _ width: Int) -> String {
      (milliseconds.map { String.fixed($0, 4) } ?? "").padded(width)
    }
    func percent(_ share: Double?) -> String {
      (share.map { .fixed($0 * 100, 0) + " %" } ?? "").padded(9)
    }
    for layer in layers {
      print(
        layer.name.padded(names, right: false) + (layer.depth.map(String.init) ?? "").padded(6)
          + (layer.macs.map { .fixed(Double($0) / 1e6, 2) } ?? "").padded(9)
          + time(layer.forwardMilliseconds, 12) + time(layer.forwardProductMilliseconds, 9)
          + percent(layer.forwardShareOfPeak) + time(layer.backwardMilliseconds, 10)
          + time(layer.weightGradientMilliseconds ?? layer.bothGradientsMilliseconds, 9)
          + percent(layer.weightGradientShareOfPeak ?? layer.bothGradientsShareOfPeak)
          + time(layer.inputGradientMilliseconds, 9) + percent(layer.inputGradientShareOfPeak))
    }
    func rate(_ macs: Double) -> String { .fixed(macs / 1e9, 0) + " G MAC/s" }
    print(
      """

      \(network) by \(method), \(activations), \(precision): \(String.fixed(millisecondsPerImage, 4)) ms per image \
      for a whole step (median of \(runs); least \(String.fixed(millisecondsPerImageMinimum, 4)))
      Adam \(String.fixed(optimizerMilliseconds, 4)) ms of it; at most \(peakResidentBytes / 1_000_000) MB of memory
      \(processor ?? "unknown processor"), \(isa), gradients by \(gradientKernels), \(threads) thread\(threads == 1 ? "" : "s"), batch \(batch)
      peak of multiply-add instructions: \(rate(peakMacsPerSecond)) with one thread, \(rate(peakMacsPerSecondAllThreads)) with \(threads); \
      of bits \(rate(peakBinaryMacsPerSecond)), \(rate(peakBinaryMacsPerSecondAllThreads))
      """)
    let together = layers.filter { $0.bothGradientsMilliseconds != nil }.map(\.name)
    if !together.isEmpty {
      print("dW and dX together, in fp32, in the columns of dW: \(together.joined(separator: ", "))")
    }
    if looksUpSums,
      layers.contains(where: { max($0.weightGradientShareOfPeak ?? 0, $0.inputGradientShareOfPeak ?? 0) > 1 })
    {
      print("dW and dX above 100 %: sums with signs are looked up, not multiplied")
    }
  }
}

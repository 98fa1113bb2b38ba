// SPDX-License-Identifier: Apache-2.0

import Signet

/// What `signet benchmark` tells; times and multiply-adds are of one image.
struct BenchmarkReport: Encodable {
  struct Layer: Encodable {
    let name: String
    let operators: [String]
    let input: [Int]
    let output: [Int]
    let kernel: [Int]?
    let stride: [Int]?
    let groups: Int
    let binarizations: Int?
    let milliseconds: Double
    let binaryMacs: Int
    let floatMacs: Int
    let byteMacs: Int
    let macKind: String?
    let shareOfPeak: Double?

    init(_ row: EngineBenchmark.Row) {
      let step = row.step
      func sizes(_ shape: FeatureShape) -> [Int] { [shape.height, shape.width, shape.channels] }
      name = step.name
      operators = step.kinds.map(\.rawValue)
      (input, output) = (sizes(step.input), sizes(step.output))
      kernel = step.window.map { [$0.kernelHeight, $0.kernelWidth] }
      stride = step.window.map { [$0.strideHeight, $0.strideWidth] }
      groups = step.groups
      binarizations = step.binarizations
      milliseconds = row.milliseconds
      (binaryMacs, floatMacs, byteMacs) = (
        step.count(of: .binary), step.count(of: .float), step.count(of: .byte)
      )
      macKind = step.multiplyAdds?.kind.rawValue
      shareOfPeak = row.shareOfPeak
    }

    /// For instance `27×27×96 → 27×27×256, 5×5, 2 groups`.
    var shape: String {
      func text(_ sizes: [Int]) -> String { sizes.map(String.init).joined(separator: "×") }
      var parts = [input == output ? text(input) : text(input) + " → " + text(output)]
      if let kernel, let stride {
        parts.append(
          text(kernel)
            + (stride == [1, 1] ? "" : " / " + (Set(stride).count == 1 ? "\(stride[0])" : text(stride))))
      }
      if groups > 1 { parts.append("\(groups) groups") }
      return parts.joined(separator: ", ")
    }
  }

  let network: String
  let millisecondsPerImage: Double
  let millisecondsPerImageMinimum: Double
  let millisecondsPerImageP90: Double
  let processor: String?
  let isa: String
  let threads: Int
  let batch: Int
  let runs: Int
  let warmUpRuns: Int
  let arenaBytes: Int
  let binaryMacs: Int
  let floatMacs: Int
  let byteMacs: Int
  let inputMilliseconds: Double
  let convolutionShare: Double
  let otherShare: Double
  let peakBinaryMacsPerSecond: Double
  let peakFloatMacsPerSecond: Double
  let peakByteMacsPerSecond: Double
  let peakBinaryMacsPerSecondAllThreads: Double
  let peakFloatMacsPerSecondAllThreads: Double
  let peakByteMacsPerSecondAllThreads: Double
  let logits: Int
  let leastLogit: Float
  let greatestLogit: Float
  let logitsDependOnTheInput: Bool
  let layers: [Layer]

  init(_ engine: Engine, _ benchmark: EngineBenchmark) {
    let layers = benchmark.rows.map(Layer.init)
    network = engine.model.network
    millisecondsPerImage = benchmark.whole.median
    millisecondsPerImageMinimum = benchmark.whole.minimum
    millisecondsPerImageP90 = benchmark.whole.ninetiethPercentile
    processor = Processor.name
    isa = engine.isa.rawValue
    (threads, batch) = (engine.threads, engine.batch)
    (runs, warmUpRuns) = (benchmark.runs, benchmark.warmUpRuns)
    arenaBytes = engine.arenaBytes
    binaryMacs = layers.reduce(0) { $0 + $1.binaryMacs }
    floatMacs = layers.reduce(0) { $0 + $1.floatMacs }
    byteMacs = layers.reduce(0) { $0 + $1.byteMacs }
    inputMilliseconds = benchmark.inputMilliseconds
    convolutionShare = benchmark.convolutionShare
    otherShare = 1 - benchmark.convolutionShare
    peakBinaryMacsPerSecond = benchmark.peaks.oneThread[.binary] ?? 0
    peakFloatMacsPerSecond = benchmark.peaks.oneThread[.float] ?? 0
    peakByteMacsPerSecond = benchmark.peaks.oneThread[.byte] ?? 0
    peakBinaryMacsPerSecondAllThreads = benchmark.peaks.allThreads[.binary] ?? 0
    peakFloatMacsPerSecondAllThreads = benchmark.peaks.allThreads[.float] ?? 0
    peakByteMacsPerSecondAllThreads = benchmark.peaks.allThreads[.byte] ?? 0
    logits = benchmark.results.logits
    (leastLogit, greatestLogit) = (benchmark.results.least, benchmark.results.greatest)
    logitsDependOnTheInput = benchmark.results.dependOnTheInput
    self.layers = layers
  }

  /// Prints a table, and below it what holds for the whole.
  func show() {
    let names = 2 + (layers.map(\.name.count).max() ?? 0)
    let width = layers.map(\.shape.count).max() ?? 0
    print(
      "step".padded(names, right: false) + "shape".padded(width, right: false) + "M".padded(3)
        + "ms".padded(10)
        + "binary MMAC".padded(13) + "float MMAC".padded(12) + "byte MMAC".padded(11) + "of peak".padded(9))
    for layer in layers {
      print(
        layer.name.padded(names, right: false) + layer.shape.padded(width, right: false)
          + (layer.binarizations.map(String.init) ?? "").padded(3)
          + String.fixed(layer.milliseconds, 4).padded(10) + Self.millions(layer.binaryMacs).padded(13)
          + Self.millions(layer.floatMacs).padded(12) + Self.millions(layer.byteMacs).padded(11)
          + (layer.shareOfPeak.map { Self.percent($0) } ?? "").padded(9))
    }
    func peaks(_ binary: Double, _ float: Double, _ byte: Double) -> String {
      let (binary, float) = (String.fixed(binary / 1e9, 0), String.fixed(float / 1e9, 1))
      return "\(binary) G binary MAC/s, \(float) G float MAC/s, \(String.fixed(byte / 1e9, 1)) G byte MAC/s"
    }
    print(
      """

      \(network): \(String.fixed(millisecondsPerImage, 4)) ms per image (median of \(runs) runs; least \
      \(String.fixed(millisecondsPerImageMinimum, 4)), 90 % within \(String.fixed(millisecondsPerImageP90, 4)))
      \(processor ?? "unknown processor"), \(isa), \(threads) thread\(threads == 1 ? "" : "s"), batch \(batch), \
      arena \(arenaBytes) bytes
      convolutions \(Self.percent(convolutionShare)) of the time, all else \(Self.percent(otherShare)); \
      \(Self.millions(binaryMacs)) M binary, \(Self.millions(floatMacs)) M float and \
      \(Self.millions(byteMacs)) M byte MAC per image
      peak of one thread: \(peaks(peakBinaryMacsPerSecond, peakFloatMacsPerSecond, peakByteMacsPerSecond))
      peak of \(threads) thread\(threads == 1 ? "" : "s"): \
      \(peaks(
        peakBinaryMacsPerSecondAllThreads, peakFloatMacsPerSecondAllThreads, peakByteMacsPerSecondAllThreads))
      """)
    if isUnsteady { print("The runs differ widely: other work shares this machine; repeat when it is idle.") }
  }

  /// Whether the machine was so busy that neither times nor peaks can be relied on.
  private var isUnsteady: Bool {
    millisecondsPerImage > 1.5 * millisecondsPerImageMinimum
      || millisecondsPerImageP90 > 1.5 * millisecondsPerImage
  }

  private static func millions(_ count: Int) -> String { .fixed(Double(count) / 1e6, 2) }
  private static func percent(_ share: Double) -> String { .fixed(share * 100, 0) + " %" }
}

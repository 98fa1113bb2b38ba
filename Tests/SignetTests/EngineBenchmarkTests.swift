// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// What a benchmark reports, apart from the times themselves.
struct EngineBenchmarkTests {
  private static func model() throws -> CompactModel {
    var maker = ModelMaker(seed: 9, height: 12, width: 10, channels: 2)
    maker.convolution(24, kernel: (5, 3), stride: (2, 1), padding: (2, 1))  // 6×10×24
    maker.prelu()
    maker.affine()
    maker.binarize(planes: [2, 1])
    maker.binaryConvolution(40, kernel: (3, 3), padding: (1, 1), groups: 2)  // 6×10×40
    maker.threshold()
    maker.maxPool(kernel: (2, 2), stride: (2, 2), codes: true)  // 3×5×40
    maker.binaryConvolution(7, kernel: (1, 1))
    maker.averagePool()
    return try maker.model()
  }

  /// Oracle: shapes and products by hand.
  @Test func stepsAreDescribedForOneImage() throws {
    let engine = try Engine(Self.model(), batch: 3)
    let steps = StepDescription.all(of: engine.plan, program: engine.model.program)
    #expect(steps.count == engine.plan.steps.count)
    let convolutions = steps.filter { $0.multiplyAdds != nil }
    #expect(convolutions.map { $0.multiplyAdds?.kind } == [.float, .binary, .binary])
    #expect(convolutions.map(\.groups) == [1, 2, 1])
    #expect(convolutions.map(\.binarizations) == [nil, 2, 1])
    #expect(convolutions.map(\.output.description) == ["6×10×24", "6×10×40", "3×5×7"])
    #expect(convolutions.map(\.input.description) == ["12×10×2", "6×10×24", "3×5×40"])
    #expect(convolutions.map { $0.window?.kernelHeight } == [5, 3, 1])
    #expect(convolutions.map { $0.window?.strideHeight } == [2, 1, 1])
    #expect(convolutions[0].count(of: .float) == 6 * 10 * 24 * 5 * 3 * 2)
    #expect(convolutions[0].count(of: .binary) == 0)
    #expect(convolutions[1].count(of: .binary) == 2 * (6 * 10 * 40 * 9 * 12))
    #expect(convolutions[2].count(of: .binary) == 3 * 5 * 7 * 40)
    #expect(convolutions[0].kinds == [.convolution, .prelu, .affine, .binarize])
    #expect(convolutions[1].kinds == [.binaryConvolution, .threshold])
    // A pool's time is its own.
    let pool = try #require(steps.first { $0.kinds == [.maxPool] })
    #expect(pool.input == convolutions[1].output && pool.output == convolutions[2].input)
    #expect(pool.window?.kernelHeight == 2 && pool.multiplyAdds == nil)
    // Each step goes on where the one before it ended.
    #expect(steps[0].input == engine.model.inputShape)
    for (before, after) in zip(steps, steps.dropFirst()) { #expect(after.input == before.output) }
    #expect(steps.last?.output.count == engine.model.classCount)
    #expect(steps.flatMap(\.kinds) == engine.model.program.nodes.map(\.kind), "no operator is lost")
  }

  /// Oracle: products by hand.
  @Test func aFirstLayerOfBytesIsDescribed() throws {
    var maker = ModelMaker(seed: 4, height: 12, width: 10, channels: 3, zero: [0, 9, 255])
    maker.pixelConvolution(24, kernel: (5, 3), stride: (2, 1), padding: (2, 1))  // 6×10×24
    maker.threshold(spread: 20000)
    maker.binaryConvolution(7, kernel: (6, 10))
    let model = try maker.model()
    let engine = try Engine(model)
    let steps = StepDescription.all(of: engine.plan, program: model.program)
    #expect(steps.map(\.kinds) == [[.pixelConvolution, .threshold], [.binaryConvolution]])
    #expect(steps[0].count(of: .byte) == 6 * 10 * 24 * 5 * 3 * 3)
    #expect(steps[0].count(of: .float) == 0 && steps[0].window?.kernelHeight == 5)
    #expect(ModelReport(model).byteMACs == steps[0].count(of: .byte))
    var effort = BenchmarkEffort(runs: 2)
    effort.warmUpMilliseconds = 0.1
    #expect(EngineBenchmark(engine, effort: effort).rows[0].shareOfPeak.map { $0 > 0 } == true)
  }

  /// A step that only moves bits has no operator of its own.
  ///
  /// Oracle: 40 channels in one group are laid out otherwise than in two, so a layout has to change between them.
  @Test func aChangeOfLayoutIsAStep() throws {
    var maker = ModelMaker(seed: 2, height: 4, width: 4, channels: 1)
    maker.convolution(24)
    maker.binarize()
    maker.binaryConvolution(40, groups: 2)
    maker.threshold()
    maker.binaryConvolution(30, groups: 5)
    let engine = try Engine(maker.model())
    let steps = StepDescription.all(of: engine.plan, program: engine.model.program)
    #expect(steps.count == engine.plan.steps.count)
    #expect(steps.flatMap(\.kinds) == engine.model.program.nodes.map(\.kind))
    let moves = steps.filter(\.kinds.isEmpty)
    #expect(moves.count == 1)
    for step in moves {
      #expect(step.input == step.output && step.multiplyAdds == nil && step.window == nil)
    }
  }

  /// Oracle: the report of the file, whose sums the tests of `inspect` count by hand.
  @Test func stepsAddUpToTheFile() throws {
    let model = try Self.model()
    let report = ModelReport(model)
    let steps = StepDescription.all(of: try Engine(model).plan, program: model.program)
    #expect(steps.reduce(0) { $0 + $1.count(of: .binary) } == report.binaryMACs)
    #expect(steps.reduce(0) { $0 + $1.count(of: .float) } == report.floatMACs)
  }

  /// Oracle: runs asked for, and what must hold between the numbers whatever the times are.
  @Test func numbersFitTogether() throws {
    let engine = try Engine(Self.model(), threads: 2, batch: 3)
    var effort = BenchmarkEffort(runs: 7)
    effort.warmUpMilliseconds = 0.1
    let benchmark = EngineBenchmark(engine, effort: effort)
    #expect(benchmark.runs == 7)
    #expect(benchmark.warmUpRuns >= 1)
    #expect(benchmark.rows.count == engine.plan.steps.count)
    #expect(benchmark.whole.minimum > 0)
    #expect(benchmark.whole.minimum <= benchmark.whole.median)
    #expect(benchmark.whole.median <= benchmark.whole.ninetiethPercentile)
    #expect((0...1).contains(benchmark.convolutionShare))
    for row in benchmark.rows {
      #expect((row.shareOfPeak == nil) == (row.step.multiplyAdds == nil))
      if let share = row.shareOfPeak { #expect(share > 0) }
    }
    for kind in MultiplyAdd.allCases {
      #expect(benchmark.peaks.oneThread[kind].map { $0 > 0 } == true)
      let one = try #require(benchmark.peaks.oneThread[kind])
      #expect(try #require(benchmark.peaks.allThreads[kind]) >= one)
    }
  }

  /// Oracle: the definitions, by hand.
  @Test func statistics() {
    #expect(Timings([]).median == 0 && Timings([]).minimum == 0 && Timings([]).ninetiethPercentile == 0)
    let one = Timings([4])
    #expect(one.median == 4 && one.minimum == 4 && one.ninetiethPercentile == 4)
    let ten = Timings([7, 1, 10, 2, 9, 3, 8, 4, 6, 5])
    #expect(ten.median == 5.5 && ten.minimum == 1 && ten.ninetiethPercentile == 9)
    let eleven = Timings((0...10).map(Double.init))
    #expect(eleven.median == 5 && eleven.ninetiethPercentile == 9)
    #expect(Duration.milliseconds(1250).milliseconds == 1250)
    #expect(Duration.nanoseconds(1500).milliseconds == 0.0015)
  }

  /// Oracle: the rules that ``BenchmarkEffort`` documents.
  @Test func effort() {
    let effort = BenchmarkEffort()
    #expect(!effort.isWarm(milliseconds: 0, runs: 0))
    #expect(!effort.isWarm(milliseconds: 100, runs: 5000))
    #expect(!effort.isWarm(milliseconds: 300, runs: 3))
    #expect(effort.isWarm(milliseconds: 300, runs: 10))
    #expect(effort.isWarm(milliseconds: 5000, runs: 1))
    #expect(!effort.isEnough(milliseconds: 999, runs: 100))
    #expect(!effort.isEnough(milliseconds: 5000, runs: 9))
    #expect(effort.isEnough(milliseconds: 1000, runs: 10))
    #expect(effort.isEnough(milliseconds: 0, runs: 1_000_000))
    #expect(!BenchmarkEffort(runs: 3).isEnough(milliseconds: 5000, runs: 2))
    #expect(BenchmarkEffort(runs: 3).isEnough(milliseconds: 0, runs: 3))
  }

  /// Tests run in release, where nothing may be objected to; a debug build is refused by the same function.
  ///
  /// Oracle: the texts by hand, and how this package's tests are built.
  @Test func debugBuildsAreRefused() {
    func objection(_ swift: Bool, _ kernels: Bool) -> String? {
      BuildConfiguration(swiftIsOptimized: swift, kernelsAreOptimized: kernels).objectionToTiming
    }
    #expect(objection(true, true) == nil)
    #expect(objection(false, true)?.contains("the Swift code not optimised") == true)
    #expect(objection(true, false)?.contains("the C kernels not optimised") == true)
    #expect(objection(false, false)?.contains("the Swift code and the C kernels") == true)
    #expect(objection(false, false)?.contains("swift build -c release") == true)
    #if DEBUG
    #expect(BuildConfiguration.current.objectionToTiming != nil)
    #else
    #expect(BuildConfiguration.current.objectionToTiming == nil)
    #endif
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Random models whose first layer reads bytes.
///
/// Oracle: the interpreter, bit for bit, for the logits and every step's result. A failure's message has the seed.
struct EnginePixelModelTests {
  @Test(arguments: 0..<8)
  func everyPathEqualsTheInterpreter(chunk: Int) throws {
    for seed in UInt64(chunk * 25)..<UInt64(chunk * 25 + 25) {
      var maker = Self.randomModel(seed: seed)
      let model = try maker.model()
      let comparison = EngineComparison(model, inputs: Self.images(5, &maker), "seed \(seed)")
      let crews = EngineComparison.crews.filter { $0.pool.threads == Int(seed % 3) + 1 }
      try comparison.check(crews: crews)
    }
  }

  /// Bytes give what the inputs give that stand for them; for models on bytes and on reals.
  @Test(arguments: ISA.available)
  func bytesAndRealsAreTheSame(isa: ISA) throws {
    for seed in UInt64(0)..<40 {
      var maker =
        seed % 4 == 0 ? EngineRandomModelTests.randomModel(seed: seed) : Self.randomModel(seed: seed)
      let model = try maker.model()
      let count = 3 * model.program.input.count
      let pixels = (0..<count).map { _ in UInt8(maker.random.index(below: 256)) }
      let (table, channels) = (model.preprocessing.table(), model.preprocessing.channels)
      let reals = pixels.enumerated().map { table[$0 % channels * 256 + Int($1)] }
      let engine = try Engine(model, threads: 2, batch: 2, isa: isa)
      #expect(
        try engine.logits(pixels: pixels).map(\.bitPattern) == engine.logits(reals).map(\.bitPattern),
        "seed \(seed)")
    }
  }

  /// The generator reaches both kinds of step, every number of planes, pools and groups.
  @Test func theRandomModelsReachEveryStep() throws {
    var counts: [String: Int] = [:]
    for seed in UInt64(0)..<200 {
      let model = try Self.randomModel(seed: seed).model()
      let steps = try Engine(model).plan.steps
      let step = try #require(steps.first)
      let planes =
        if case .codes(_, let planes, _, _) = model.program.nodes[1...].lazy.map(\.output).first(where: {
          if case .codes = $0 { true } else { false }
        }) { planes.count } else { 0 }
      let kind = "\(type(of: step))"
      for name in [
        "\(kind) of \(planes)", steps.count > 1 && "\(type(of: steps[1]))" == "LevelPool" ? "pooled" : "",
        model.operators[1].op.rawValue,
      ] {
        counts[name, default: 0] += 1
      }
      if model.operators[0].groups != nil { counts["groups", default: 0] += 1 }
    }
    let wanted =
      (1...4).map { "PixelsToCodes of \($0)" } + [
        "PixelsToReals of 1", "pooled", "threshold", "groups", "affine",
      ]
    for kind in wanted { #expect(counts[kind, default: 0] >= 5, "\(kind): \(counts)") }
  }

  /// A border of the zero byte, by hand: one weight of 1, zero 10, a 1×1 image of 7 under a 3×3 window.
  @Test func paddingIsZero() throws {
    var builder = CompactModelBuilder(
      network: "n", method: "tang",
      preprocessing: Preprocessing(
        height: 1, width: 1, channels: 1, mean: [0], deviation: [1], zero: [10]), classNames: [])
    let window = try #require(
      Window(
        input: FeatureShape(height: 1, width: 1, channels: 1), kernel: (3, 3), stride: (1, 1),
        padding: (1, 1), rounding: .down))
    builder.add(Operator(.pixelConvolution, "c", window: window, filters: 2))
    builder.add("c.weight", shape: [2, 3, 3, 1], int8s: Array(repeating: 5, count: 9) + (-4...4))
    let model = try CompactModel(bytes: builder.encoded(), path: "n")
    for isa in ISA.available {
      #expect(try Engine(model, isa: isa).logits(pixels: [7, 10, 255]) == [-15, 0, 0, 0, 1225, 0])
    }
  }

  /// Inputs of bytes, with some that lie between and beyond them.
  private static func images(_ count: Int, _ maker: inout ModelMaker) -> [Float] {
    let unit: Float = 1 / (255 * 0.25)
    return (0..<count * maker.input.count).map { _ in
      switch maker.random.index(below: 12) {
      case 0: maker.random.uniform(-3, 5)
      case 1: [.infinity, -.infinity, .nan, -0.0][maker.random.index(below: 4)]
      default: Float(maker.random.index(below: 300) - 20) * unit
      }
    }
  }

  private static func randomModel(seed: UInt64) -> ModelMaker {
    let channels = 1 + Int(seed % 4)
    var zeros = SplitMix64(seed: seed, stream: 9)
    var maker = ModelMaker(
      seed: seed, height: 1 + Int(seed % 9), width: 1 + Int(seed / 9 % 8), channels: channels,
      zero: (0..<channels).map { _ in [0, 255, 128, UInt8(zeros.index(below: 256))][zeros.index(below: 4)] })
    convolve(&maker)
    let planes = [[1], [2, 1], [4, 2, 1], [5, 3, 2, 1]][maker.random.index(below: 4)]
    let exponent = planes.count == 1 ? 0 : 1
    switch maker.random.index(below: 8) {
    case 0, 1:
      maker.threshold(spread: 30000)
      if maker.random.index(below: 2) == 0 {
        maker.maxPool(kernel: (2, 3), stride: (2, 2), padding: (1, 0), codes: true)
      }
    case 2:
      // Not a function of one integer: reals in between.
      maker.pixelValue()
      maker.prelu()
      maker.averagePool()
      maker.binarize()
    case 3:
      maker.relu()
      maker.pixelValue()
      maker.binarize(planes: planes, exponent: exponent)
    case 4:
      maker.pixelValue()
      maker.affine()
      maker.binarize(planes: planes, exponent: exponent)
    case 5:
      // A scale so large that products overflow.
      maker.affine()
      maker.prelu()
      maker.maxPool(kernel: (2, 2), stride: (1, 1), codes: false)
      maker.binarize(planes: planes, exponent: exponent)
    default:
      maker.pixelValue()
      maker.prelu()
      if maker.random.index(below: 2) == 0 {
        maker.maxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), codes: false)
      }
      maker.affine()
      maker.binarize(planes: planes, exponent: exponent)
    }
    let groups = maker.shape.channels % 3 == 0 ? 3 : 1
    maker.binaryConvolution(
      groups * 11, kernel: (maker.shape.height, maker.shape.width), groups: groups)
    return maker
  }

  private static func convolve(_ maker: inout ModelMaker) {
    let shape = maker.shape
    let kernels = [(1, 1), (3, 3), (5, 5), (2, 3), (3, 1), (1, 4), (shape.height, shape.width)]
    let paddings = [(0, 0), (1, 1), (2, 2), (0, 1), (2, 0)]
    var kernel = kernels[maker.random.index(below: kernels.count)]
    var padding = paddings[maker.random.index(below: paddings.count)]
    if shape.height + 2 * padding.0 < kernel.0 || shape.width + 2 * padding.1 < kernel.1
      || padding.0 >= kernel.0 || padding.1 >= kernel.1
    {
      (kernel, padding) = ((1, 1), (0, 0))
    }
    let stride = (1 + maker.random.index(below: 3), 1 + maker.random.index(below: 3))
    let groups = [1, 1, shape.channels][maker.random.index(below: 3)]
    let sizes = [1, 3, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 96, 100, 129]
    let filters = (sizes[maker.random.index(below: sizes.count)] + groups - 1) / groups * groups
    maker.pixelConvolution(filters, kernel: kernel, stride: stride, padding: padding, groups: groups)
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Random models of every kind of operator in random order.
///
/// Oracle: the interpreter, bit for bit, for the logits, every step's result and every accumulator. A
/// failure's message has the seed.
struct EngineRandomModelTests {
  @Test(arguments: 0..<16)
  func everyPathEqualsTheInterpreter(chunk: Int) throws {
    for seed in UInt64(chunk * 25)..<UInt64(chunk * 25 + 25) {
      var maker = Self.randomModel(seed: seed)
      let model = try maker.model()
      let comparison = EngineComparison(model, inputs: maker.images(5), "seed \(seed)")
      // Every seed sees all instruction sets and batches; thread counts take turns.
      let crews = EngineComparison.crews.filter { $0.pool.threads == Int(seed % 3) + 1 }
      try comparison.check(crews: crews)
    }
  }

  /// 100 models in all of the 27 and more ways.
  @Test(arguments: 0..<4)
  func everyThreadCountEqualsTheInterpreter(chunk: Int) throws {
    for seed in UInt64(1000 + chunk * 25)..<UInt64(1000 + chunk * 25 + 25) {
      var maker = Self.randomModel(seed: seed)
      let model = try maker.model()
      try EngineComparison(model, inputs: maker.images(5), "seed \(seed)").check()
    }
  }

  /// The generator reaches every kind of step, fused or not, with every number of planes.
  @Test func theRandomModelsReachEveryStep() throws {
    var counts: [String: Int] = [:]
    for seed in UInt64(0)..<400 {
      let maker = Self.randomModel(seed: seed)
      let steps = try Engine(maker.model()).plan.steps
      for (step, next) in zip(steps, steps.dropFirst().map(Optional.some) + [nil]) {
        let planes = step.packed.map { " of \($0.planeWeights.count)" } ?? ""
        let pooled = next.map({ "\(type(of: $0))" }) == "LevelPool" ? ", pooled" : ""
        counts["\(type(of: step))\(planes)\(pooled)", default: 0] += 1
      }
    }
    var wanted = [
      "RealConvolutionStep", "RealToCodes", "EncodeStep", "Relayout", "ActivationStep", "AffineStep",
      "MaxPoolStep",
      "AveragePoolStep", "ScaleStep",
    ]
    for planes in 1...4 {
      wanted += ["BinaryToReals", "BinaryToCodes"].map { "\($0) of \(planes)" }
      wanted.append("BinaryToCodes of \(planes), pooled")
    }
    for kind in wanted { #expect(counts[kind, default: 0] >= 5, "\(kind): \(counts)") }
  }

  private static let planeChoices = [
    [1], [2, 1], [4, 2, 1], [5, 3, 2, 1], [3, 1], [1, 3, 2], [7, 7, 1, 30],
  ]

  static func randomModel(seed: UInt64) -> ModelMaker {
    var maker = ModelMaker(
      seed: seed, height: 1 + Int(seed % 9), width: 1 + Int(seed / 9 % 8), channels: 1 + Int(seed % 3))
    realPart(&maker)
    let blocks = maker.random.index(below: 3)
    for _ in 0..<blocks {
      convolve(&maker, binary: true)
      if maker.random.index(below: 4) == 0 { maker.channelScale() }
      continueToCodes(&maker)
    }
    convolve(&maker, binary: true)
    finish(&maker)
    return maker
  }

  private static func realPart(_ maker: inout ModelMaker) {
    convolve(&maker, binary: false)
    activate(&maker)
    if maker.random.index(below: 3) == 0 { pool(&maker, codes: false) }
    encode(&maker)
  }

  private static func encode(_ maker: inout ModelMaker) {
    if maker.random.index(below: 4) > 0 { maker.affine() }
    let planes = planeChoices[maker.random.index(below: planeChoices.count)]
    maker.binarize(
      planes: planes, exponent: planes.count == 1 ? 0 : maker.random.index(below: 5) - 1,
      unipolar: maker.random.index(below: 3) == 0)
  }

  private static func activate(_ maker: inout ModelMaker) {
    switch maker.random.index(below: 4) {
    case 0: maker.relu()
    case 1, 2: maker.prelu()
    default: break
    }
  }

  private static func pool(_ maker: inout ModelMaker, codes: Bool) {
    switch maker.random.index(below: 4) {
    case 0: maker.maxPool(kernel: (3, 3), stride: (2, 2), codes: codes)
    case 1: maker.maxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), codes: codes)
    case 2: maker.maxPool(kernel: (2, 2), stride: (2, 2), codes: codes)
    default: maker.maxPool(kernel: (2, 3), stride: (1, 2), padding: (1, 0), codes: codes)
    }
  }

  /// What leads from accumulators to the next codes: most of it is fused, the last four kinds are not.
  private static func continueToCodes(_ maker: inout ModelMaker) {
    switch maker.random.index(below: 12) {
    case 0 where maker.countsWhole, 1 where maker.countsWhole:
      maker.threshold(unipolar: maker.random.index(below: 3) == 0)
      if maker.random.index(below: 2) == 0 { pool(&maker, codes: true) }
    case 8:
      maker.averagePool()
      encode(&maker)
    case 9:
      maker.scale(-0.375)
      encode(&maker)
    case 10:
      maker.prelu()
      convolve(&maker, binary: false)
      encode(&maker)
    case 11:
      pool(&maker, codes: false)
      maker.prelu()
      maker.prelu()
      encode(&maker)
    default:
      activate(&maker)
      if maker.random.index(below: 2) == 0 { pool(&maker, codes: false) }
      encode(&maker)
    }
  }

  private static func finish(_ maker: inout ModelMaker) {
    switch maker.random.index(below: 6) {
    case 0: maker.averagePool()
    case 1: maker.scale(0.1)
    case 2:
      maker.prelu()
      maker.averagePool()
      maker.scale(-3)
    case 3:
      maker.affine()
      pool(&maker, codes: false)
    case 4:
      activate(&maker)
      convolve(&maker, binary: false)
    default: break
    }
  }

  /// A convolution of random size that fits; channel counts prefer the neighbours of 16 and 32.
  private static func convolve(_ maker: inout ModelMaker, binary: Bool) {
    let shape = maker.shape
    let kernels = [(1, 1), (3, 3), (5, 5), (2, 3), (3, 1), (shape.height, shape.width)]
    let paddings = [(0, 0), (1, 1), (2, 2), (0, 1)]
    var kernel = kernels[maker.random.index(below: kernels.count)]
    var padding = paddings[maker.random.index(below: paddings.count)]
    let stride = (1 + maker.random.index(below: 2), 1 + maker.random.index(below: 2))
    if shape.height + 2 * padding.0 < kernel.0 || shape.width + 2 * padding.1 < kernel.1
      || padding.0 >= kernel.0 || padding.1 >= kernel.1
    {
      (kernel, padding) = ((1, 1), (0, 0))
    }
    let sizes = [1, 2, 3, 5, 15, 16, 17, 18, 30, 31, 32, 33, 36, 48, 51, 63, 64, 65, 66, 96, 99, 130]
    var filters = sizes[maker.random.index(below: sizes.count)]
    let fitting = [1, 1, 2, 3].filter { shape.channels % $0 == 0 }
    let groups = fitting[maker.random.index(below: fitting.count)]
    filters = (filters + groups - 1) / groups * groups
    if binary {
      maker.binaryConvolution(filters, kernel: kernel, stride: stride, padding: padding, groups: groups)
    } else if maker.random.index(below: 3) == 0 {
      maker.binaryWeightConvolution(
        filters, kernel: kernel, stride: stride, padding: padding, groups: groups)
    } else {
      maker.convolution(filters, kernel: kernel, stride: stride, padding: padding, groups: groups)
    }
  }
}

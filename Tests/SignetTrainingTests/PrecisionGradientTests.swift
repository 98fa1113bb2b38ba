// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Gradients of a binary layer in bfloat16 and in 8 bits.
///
/// Oracle: the same gradients in fp32, and the size that the rounding errors have.
@Suite struct PrecisionGradientTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var planes = 1
    var groups = 1
    var kernel = 3
    var testDescription: String { "M = \(planes), \(groups) groups, \(kernel)×\(kernel)" }

    static let images = 6
    static let input = FeatureShape(height: 8, width: 7, channels: 70)

    func layer() throws -> BinaryConvolution {
      let window = try #require(
        Window(
          input: Self.input, kernel: (kernel, kernel), stride: (1, 1), padding: (kernel / 2, kernel / 2),
          rounding: .down))
      var random = SplitMix64(seed: 91)
      return BinaryConvolution(
        name: "conv", window: window, filters: 46, groups: groups, inputChannels: 70, planes: planes, clip: 1,
        using: &random)
    }
  }

  static let cases = [Case(), Case(planes: 2, groups: 2), Case(planes: 4), Case(groups: 2, kernel: 1)]

  /// A layer after its forward pass, whose gradient is taken again and again.
  private struct Trial {
    var layer: BinaryConvolution
    let saved: BinaryConvolution.Saved
    let dy: Tensor
    let context: ComputeContext

    init(_ test: Case, _ precision: Precision, threads: Int = 2) throws {
      context = try makeContext(threads: threads, precision: precision)
      layer = try test.layer()
      let x = context.random(Case.images, Case.input, seed: 92, low: -2, high: 2)
      (_, saved) = try layer.forward(x, phase: .training, on: context)
      dy = context.random(Case.images, layer.output, seed: 93)
    }

    mutating func gradients(key: UInt64) throws -> (weight: [Float], input: [Float]) {
      let gradient = try layer.backward(
        Gradient(dy, key: key), saved: saved, wantsInputGradient: true, on: context)
      return (layer.weight.gradient.array, try #require(gradient).tensor.array)
    }
  }

  private static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    func product(_ a: [Float], _ b: [Float]) -> Double {
      zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
  }

  /// With relative errors of ε that are independent, the cosine is 1 − ε²/2.
  ///
  /// Rounding to bfloat16 has an ε of at most 2⁻⁸, here about 2⁻¹⁰. Bytes are steps of 1/127 of the greatest value,
  /// rounded at random with a mean square of 1/6 of a step: for evenly spread values, whose root mean square is 0.58 of
  /// the greatest, ε is 0.006. Levels in 63 steps add less.
  @Test(arguments: cases)
  func roundedGradientsPointTheSameWay(_ test: Case) throws {
    var exact = try Trial(test, .float32)
    let (weight, input) = try exact.gradients(key: 1)
    for (precision, least) in [(Precision.bfloat16, 0.999), (.int8, 0.99)] {
      var trial = try Trial(test, precision)
      let (ownWeight, ownInput) = try trial.gradients(key: 1)
      #expect(Self.cosine(ownWeight, weight) > least, "dW, \(precision)")
      #expect(Self.cosine(ownInput, input) > least, "dX, \(precision)")
      #expect(ownWeight != weight && ownInput != input, "\(precision) is not fp32")
      // Not only the direction.
      func length(_ values: [Float]) -> Double {
        values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      }
      #expect(abs(length(ownWeight) / length(weight) - 1) < 0.01, "dW, \(precision)")
      #expect(abs(length(ownInput) / length(input) - 1) < 0.01, "dX, \(precision)")
    }
  }

  /// The error of a mean over n keys is 1/√n of one key's, since each is right on average and they are independent.
  ///
  /// Both are measured over thousands of values, so that their ratio is known to a few percent. A part of the error that
  /// is the same for all keys stays: with two planes the rounded levels are one, so M = 1 is tried; and dX goes through
  /// bfloat16, rounded to nearest, which is at most 2⁻⁹ of each value.
  @Test(arguments: [Case(), Case(groups: 2, kernel: 1)])
  func bytesAreRightOnAverage(_ test: Case) throws {
    var exact = try Trial(test, .float32)
    let (weight, input) = try exact.gradients(key: 1)
    var trial = try Trial(test, .int8)
    let keys = 144
    var (weightSum, inputSum) = (weight.doubles.map { _ in 0.0 }, input.doubles.map { _ in 0.0 })
    var (weightError, inputError) = (0.0, 0.0)
    func square(_ values: [Double], _ other: [Float]) -> Double {
      zip(values, other).reduce(0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) }
    }
    var random = SplitMix64(seed: 94)
    for _ in 0..<keys {
      let (ownWeight, ownInput) = try trial.gradients(key: random.next())
      for at in weightSum.indices { weightSum[at] += Double(ownWeight[at]) }
      for at in inputSum.indices { inputSum[at] += Double(ownInput[at]) }
      weightError += square(ownWeight.doubles, weight) / Double(keys)
      inputError += square(ownInput.doubles, input) / Double(keys)
    }
    for (sum, exact, error, fixed, name) in [
      (weightSum, weight, weightError, 0, "dW"), (inputSum, input, inputError, 0x1p-9, "dX"),
    ] {
      let found = square(sum.map { $0 / Double(keys) }, exact)
      let (random, same) = (
        error / Double(keys), fixed * fixed * exact.reduce(0) { $0 + Double($1) * Double($1) }
      )
      #expect(
        found > 0.8 * 0.8 * random && found < 1.2 * 1.2 * random + same,
        "\(name): \(found) for \(random), \(same)")
    }
  }

  /// Random bits follow from the key alone, and in no other precision is there anything random.
  @Test(arguments: Precision.allCases)
  func keysChangeBytesAlone(precision: Precision) throws {
    var trial = try Trial(Case(planes: 2, groups: 2), precision)
    let (one, again, other) = (
      try trial.gradients(key: 1), try trial.gradients(key: 1), try trial.gradients(key: 2)
    )
    #expect(one.weight.bits == again.weight.bits && one.input.bits == again.input.bits)
    let isRandom = precision == .int8
    #expect((one.weight.bits != other.weight.bits) == isRandom)
    #expect((one.input.bits != other.input.bits) == isRandom)
    for threads in [1, 3] {
      var own = try Trial(Case(planes: 2, groups: 2), precision, threads: threads)
      let found = try own.gradients(key: 1)
      #expect(
        found.weight.bits == one.weight.bits && found.input.bits == one.input.bits, "\(threads) threads")
    }
  }

  /// One step further, or one layer further, gradients have other random bits.
  @Test func keysDifferByLayer() throws {
    let context = try makeContext()
    let tensor = context.random(1, FeatureShape(height: 1, width: 1, channels: 1), seed: 1)
    var keys: Set<UInt64> = []
    var random = SplitMix64(seed: 95)
    for _ in 0..<64 {
      var gradient = Gradient(tensor, key: random.next())
      for _ in 0..<64 {
        keys.insert(gradient.key)
        gradient = gradient.passed(tensor)
      }
    }
    #expect(keys.count == 64 * 64)
  }
}

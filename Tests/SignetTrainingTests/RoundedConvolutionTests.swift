// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// A convolution with real weights in a training step that rounds.
///
/// Oracle: the same layer in fp32; in double precision for what the rounding of its operands to bfloat16 makes of it.
@Suite struct RoundedConvolutionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var groups = 1
    var kernel = 3
    var stride = 1
    var wantsInput = true
    var testDescription: String {
      "\(groups) groups, \(kernel)×\(kernel)/\(stride)\(wantsInput ? "" : ", dW alone")"
    }

    static let input = FeatureShape(height: 9, width: 8, channels: 6)

    func layer() throws -> Convolution {
      let window = try #require(
        Window(
          input: Self.input, kernel: (kernel, kernel), stride: (stride, stride),
          padding: (kernel / 2, kernel / 2), rounding: .down))
      var random = SplitMix64(seed: 61)
      let layer = Convolution(
        name: "conv", window: window, filters: 34, groups: groups, inputChannels: 6,
        using: &random)
      for index in 0..<34 { layer.bias.value.pointer[index] = random.uniform(-1, 1) }
      return layer
    }

    /// Results of both passes.
    func run(_ precision: Precision, threads: Int = 2) throws -> [String: [Float]] {
      let context = try makeContext(threads: threads, precision: precision)
      var layer = try layer()
      let x = context.random(5, Self.input, seed: 62, low: -2, high: 2)
      let dy = context.random(5, layer.output, seed: 63)
      let (y, saved) = try layer.forward(x, phase: .training, on: context)
      let dx = try layer.backward(Gradient(dy), saved: saved, wantsInputGradient: wantsInput, on: context)
      var results = [
        "y": y.array, "dW": layer.weight.gradient.array, "db": layer.bias.gradient.array,
      ]
      if let dx { results["dX"] = dx.tensor.array }
      return results
    }
  }

  static let cases = [
    Case(), Case(groups: 2), Case(kernel: 1), Case(kernel: 5), Case(stride: 2),
    Case(stride: 2, wantsInput: false), Case(wantsInput: false),
    Case(groups: 2, kernel: 5, stride: 3, wantsInput: false),
  ]

  /// Independent relative errors of at most 2⁻⁸ in both operands, mostly a quarter of it, make one of about 0.003 in a sum.
  @Test(arguments: cases)
  func roundedProductsAreNear(_ test: Case) throws {
    let exact = try test.run(.float32)
    #expect((exact["dX"] != nil) == test.wantsInput)
    for precision in [Precision.bfloat16, .int8] {
      let rounded = try test.run(precision)
      #expect(Set(rounded.keys) == Set(exact.keys))
      for (name, values) in exact {
        let own = try #require(rounded[name])
        let error = zip(own, values).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let size = values.reduce(0.0) { $0 + Double($1 * $1) }
        #expect((error / size).squareRoot() < 0.006, "\(name) in \(precision)")
      }
    }
  }

  @Test(arguments: cases)
  func threadsChangeNoBit(_ test: Case) throws {
    for precision in Precision.allCases {
      let one = try test.run(precision, threads: 1)
      #expect(try test.run(precision, threads: 3) == one, "\(precision)")
    }
  }

  /// Evaluation is the engine's: its products are not rounded whatever training does.
  @Test func evaluationIsNotRounded() throws {
    let results = try [Precision.float32, .bfloat16].map { precision in
      let context = try makeContext(precision: precision)
      var layer = try Case().layer()
      let x = context.random(3, Case.input, seed: 64)
      return try layer.forward(x, phase: .evaluation, on: context).0.array
    }
    #expect(results[0] == results[1])
  }
}

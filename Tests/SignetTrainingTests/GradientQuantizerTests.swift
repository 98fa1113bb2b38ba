// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Gradients of k bits with noise.
///
/// Oracle: the definition: 2^k levels between ± the image's greatest magnitude, one of the two nearest, right on average.
@Suite struct GradientQuantizerTests {
  @Test(arguments: [1, 2, 4, 6, 8])
  func levelsAndMean(bits: Int) throws {
    let context = try makeContext()
    let dy = context.random(3, FeatureShape(height: 4, width: 5, channels: 7), seed: 3)
    for index in 0..<140 { dy.pointer[140 + index] *= 1e-4 }
    for index in 0..<140 { dy.pointer[280 + index] = 0 }
    let quantizer = GradientQuantizer(bits: bits)
    let (source, count) = (dy.array, 140)
    var random = SplitMix64(seed: 4)
    var mean = [Double](repeating: 0, count: source.count)
    let runs = 400
    for _ in 0..<runs {
      let result = quantizer.run(dy, key: random.next(), on: context).array
      for image in 0..<2 {
        let range = image * count..<(image + 1) * count
        let most = source[range].map(abs).reduce(0, max)
        let step = 2 * most / Float(1 << bits - 1)
        for index in range {
          let level = (result[index] + most) / step
          #expect(abs(level - level.rounded()) < 1e-3, "on a level")
          #expect(abs(result[index]) <= most * 1.000_001)
          #expect(abs(result[index] - source[index]) <= step * 1.001, "one of the two nearest")
        }
      }
      #expect(result[280...].allSatisfy { $0 == 0 })
      for index in mean.indices { mean[index] += Double(result[index]) / Double(runs) }
    }
    for index in 0..<2 * count {
      let range = index / count * count..<(index / count + 1) * count
      let step = 2 * Double(source[range].map(abs).reduce(0, max)) / Double(1 << bits - 1)
      // Five deviations of a mean over the runs, of which each is off by at most half a step.
      #expect(abs(mean[index] - Double(source[index])) <= 2.5 * step / Double(runs).squareRoot())
    }
  }

  @Test func keysAndThreads() throws {
    let shape = FeatureShape(height: 5, width: 5, channels: 9)
    func run(key: UInt64, threads: Int) throws -> [Float] {
      let context = try makeContext(threads: threads)
      return GradientQuantizer(bits: 3).run(context.random(8, shape, seed: 5), key: key, on: context).array
    }
    let one = try run(key: 1, threads: 1)
    #expect(try run(key: 1, threads: 3) == one)
    #expect(try run(key: 2, threads: 1) != one)
  }

  /// In a layer: the weights' gradient is that of a quantised dY, and right on average.
  @Test(arguments: Precision.allCases)
  func aLayersGradients(precision: Precision) throws {
    let context = try makeContext(precision: precision)
    var method = Method.dorefa
    method.gradientBits = 4
    var trainer = try Trainer(
      makeConfiguration(LearningTests.network, input: Stripes.shape, classes: 3, method: method),
      stepsPerEpoch: 10)
    var plain = try Trainer(
      makeConfiguration(LearningTests.network, input: Stripes.shape, classes: 3, method: .dorefa),
      stepsPerEpoch: 10)
    func gradient(_ network: inout Sequential, key: UInt64) throws -> [Float] {
      let x = context.random(8, Stripes.shape, seed: 6)
      let (logits, tape) = try network.forward(x, phase: .training, on: context)
      let (_, dy, _) = CrossEntropy.evaluate(logits, labels: [0, 1, 2, 0, 1, 2, 0, 1], on: context)
      try network.backward(Gradient(dy, key: key), tape: tape, on: context)
      var result: [Float] = []
      network.forEachParameter { if $0 == "conv2.weight" { result = $1.gradient.array } }
      return result
    }
    let exact = try gradient(&plain.network, key: 1)
    var random = SplitMix64(seed: 7)
    var (sum, error) = (exact.map { _ in 0.0 }, 0.0)
    let runs = 200
    for _ in 0..<runs {
      let own = try gradient(&trainer.network, key: random.next())
      for index in sum.indices {
        sum[index] += Double(own[index])
        let difference = Double(own[index]) - Double(exact[index])
        error += difference * difference / Double(runs)
      }
    }
    #expect(error > 0)
    let left = sum.indices.reduce(0.0) {
      let difference = sum[$1] / Double(runs) - Double(exact[$1])
      return $0 + difference * difference
    }
    // The mean's square error is 1/runs of one run's, give or take; other roundings stay.
    #expect(left < error / 20, "\(left) of \(error)")
  }

  /// An image with a bad number keeps its gradient as it is; the others are quantised as ever.
  @Test(arguments: [Float.nan, .infinity, -.infinity, Float(bitPattern: 0xFFFF_FFFF)])
  func whatIsNoNumberStaysSo(value: Float) throws {
    let context = try makeContext()
    let (shape, images) = (FeatureShape(height: 3, width: 4, channels: 5), 3)
    let values = randomFloats(images * shape.count, seed: 8)
    var bad = values
    bad[shape.count + 17] = value
    func quantised(_ values: [Float]) -> [Float] {
      GradientQuantizer(bits: 4).run(context.tensor(images, shape, values: values), key: 9, on: context).array
    }
    let (found, good) = (quantised(bad), quantised(values))
    let own = shape.count..<2 * shape.count
    #expect(Array(found[own]).bits == Array(bad[own]).bits)
    for index in found.indices where !own.contains(index) { #expect(found[index] == good[index]) }
  }
}

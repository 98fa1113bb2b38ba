// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Oracle: the formulas in double precision and their central differences.
@Suite struct LossTests {
  static func crossEntropy(_ logits: [Double], labels: [Int32]) -> Double {
    let classes = logits.count / labels.count
    var sum = 0.0
    for (image, label) in labels.enumerated() {
      let row = logits[image * classes..<(image + 1) * classes]
      sum -= log(exp(row[row.startIndex + Int(label)]) / row.reduce(0) { $0 + exp($1) })
    }
    return sum / Double(labels.count)
  }

  @Test(arguments: [(1, 2), (5, 10), (3, 257)])
  func crossEntropy(images: Int, classes: Int) throws {
    let context = try makeContext()
    let shape = FeatureShape(height: 1, width: 1, channels: classes)
    let logits = context.random(images, shape, seed: 31, low: -4, high: 4)
    let labels = (0..<images).map { Int32(($0 * 5 + 1) % classes) }
    let (loss, gradient, correct) = CrossEntropy.evaluate(logits, labels: labels, on: context)
    let values = logits.array.doubles
    #expect(abs(loss - Self.crossEntropy(values, labels: labels)) < 1e-6 * loss)
    check("dx", gradient.array, at: values) { Self.crossEntropy($0, labels: labels) }
    let naive = labels.indices.filter { image in
      let row = Array(values[image * classes..<(image + 1) * classes])
      return row.firstIndex(of: row.max() ?? 0) == Int(labels[image])
    }
    #expect(correct == naive.count)
  }

  @Test func crossEntropyOfLargeLogits() throws {
    let context = try makeContext()
    let logits = context.tensor(
      2, FeatureShape(height: 1, width: 1, channels: 2), values: [9000, -9000, 9000, -9000])
    let (loss, gradient, _) = CrossEntropy.evaluate(logits, labels: [0, 1], on: context)
    #expect(loss == 9000)
    #expect(gradient.array == [0, 0, 0.5, -0.5])
  }

  /// A network with each role of parameter: real weights, latent ones, and others.
  static func network() throws -> Sequential {
    let configuration = makeConfiguration(
      NetworkDescription(name: "n", layers: [.convolution("a", 3, kernel: 3), .dense("b", nil)]),
      input: FeatureShape(height: 5, width: 5, channels: 2), classes: 4)
    return try configuration.initialNetwork()
  }

  @Test(arguments: [Regularizer.none, .bipolar(0.01), .l2(0.02)])
  func regularizerValueAndGradient(regularizer: Regularizer) throws {
    var network = try Self.network()
    let base = regularizer.loss(of: &network)
    var expected = 0.0
    network.forEachParameter { name, parameter in
      let squares = parameter.value.array.reduce(0) { $0 + Double($1) * Double($1) }
      switch regularizer {
      case .none: break
      case .bipolar:
        if name == "b.weight" { expected += Double(Float(0.01)) * (Double(parameter.count) - squares) }
      case .l2: if name.hasSuffix(".weight") { expected += Double(Float(0.02)) * squares }
      }
    }
    #expect(abs(base - expected) <= 1e-9)
    // Adam's first moment after a step without data is 0.1 of the regulariser's gradient.
    let before = try Self.network()
    var (numeric, moments): ([Double], [Double]) = ([], [])
    let context = try makeContext()
    var adam = Adam()
    _ = try adam.update(&network, learningRate: 1e-3, regularizer: regularizer, on: context)
    var (start, changed) = (before, before)
    start.forEachParameter { name, parameter in
      for index in stride(from: 0, to: parameter.count, by: 3) {
        let kept = parameter.value.pointer[index]
        parameter.value.pointer[index] = kept + 0.01
        let upper = regularizer.loss(of: &changed)
        parameter.value.pointer[index] = kept - 0.01
        let lower = regularizer.loss(of: &changed)
        parameter.value.pointer[index] = kept
        numeric.append((upper - lower) / 0.02)
      }
    }
    network.forEachParameter { _, parameter in
      for index in stride(from: 0, to: parameter.count, by: 3) {
        moments.append(10 * Double(parameter.first.pointer[index]))
      }
    }
    expectClose(moments, numeric, tolerance: 1e-4, "gradient")
    #expect((regularizer == .none) == numeric.allSatisfy { $0 == 0 })
  }

  @Test func regularizerIsReadAndWritten() throws {
    #expect(try Regularizer(parsing: "none") == .none)
    #expect(try Regularizer(parsing: "bipolar:5e-7") == .bipolar(5e-7))
    #expect(try Regularizer(parsing: "l2:0.001") == .l2(0.001))
    #expect(try Regularizer(parsing: "l2:0") == .l2(0))
    for regularizer in [Regularizer.none, .bipolar(5e-7), .l2(0.1)] {
      #expect(try Regularizer(parsing: regularizer.description) == regularizer)
    }
  }

  @Test(arguments: [
    "", "l1:1", "bipolar", "bipolar:", "bipolar:x", "bipolar:-1", "l2:nan", "l2:inf", "l2:1e99", "none:1",
    "none:",
    ":", "L2:1",
  ])
  func badRegularizer(text: String) {
    let error = #expect(throws: TrainingError.self) { try Regularizer(parsing: text) }
    #expect(error?.code == .badOption)
    #expect(error?.description.contains("“\(text)”") == true)
  }
}

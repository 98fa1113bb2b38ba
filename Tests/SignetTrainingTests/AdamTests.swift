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

/// Oracle: Kingma and Ba's algorithm 1 in double precision, and a naive count of signs.
@Suite struct AdamTests {
  /// A latent layer of 3·3·5·7 weights, no multiple of a vector, with real parameters around it.
  static func network(_ method: Method = .tang) throws -> Sequential {
    let configuration = makeConfiguration(
      NetworkDescription(
        name: "n",
        layers: [.convolution("a", 5, kernel: 2), .convolution("b", 7, kernel: 3), .dense("c", nil)]),
      input: FeatureShape(height: 6, width: 6, channels: 1), classes: 3, method: method)
    return try configuration.initialNetwork()
  }

  @Test(arguments: [Regularizer.bipolar(0.05), .l2(0.1), .none])
  func updates(regularizer: Regularizer) throws {
    let context = try makeContext()
    var network = try Self.network()
    var adam = Adam()
    var moments: [String: [(m: Double, v: Double)]] = [:]
    for step in 1...6 {
      let rate: Float = step % 2 == 0 ? 0.4 : 0.05
      var before: [String: [Float]] = [:]
      network.forEachParameter { name, parameter in
        before[name] = parameter.value.array
        // Gradients of very different sizes, some of them 0.
        let gradient = randomFloats(parameter.count, seed: UInt64(step * 100 + name.count))
        parameter.gradient.assign(gradient.enumerated().map { $0 % 7 == 0 ? 0 : $1 * Float(1 + $0 % 5) })
      }
      let changes = try adam.update(
        &network, learningRate: rate, regularizer: regularizer, on: context)
      #expect(adam.step == step)
      var counted: [SignChange] = []
      network.forEachParameter { name, parameter in
        var (decay, limit) = (0.0, Double.infinity)
        let isWeight = name.hasSuffix(".weight")
        if case .latentBinary(let clip) = parameter.role { limit = Double(clip) }
        switch regularizer {
        case .bipolar(let factor) where limit == 1: decay = -2 * Double(factor)
        case .l2(let factor) where isWeight: decay = 2 * Double(factor)
        default: break
        }
        #expect((limit == 1) == ["b.weight", "c.weight"].contains(name))
        let old = before[name] ?? []
        var expected: [Double] = []
        var known = moments[name] ?? Array(repeating: (0, 0), count: parameter.count)
        for index in old.indices {
          let w = Double(old[index])
          let g = Double(parameter.gradient.pointer[index]) + decay * w
          known[index].m = 0.9 * known[index].m + 0.1 * g
          known[index].v = 0.999 * known[index].v + 0.001 * g * g
          let m = known[index].m / (1 - pow(0.9, Double(step)))
          let v = known[index].v / (1 - pow(0.999, Double(step)))
          expected.append(min(limit, max(-limit, w - Double(rate) * m / (v.squareRoot() + 1e-8))))
        }
        moments[name] = known
        let new = parameter.value.array
        expectClose(new.doubles, expected, tolerance: 1e-4, "\(name) after step \(step)")
        #expect(!new.contains { Double(abs($0)) > limit })
        if isWeight {
          let changed = zip(old, new).filter { ($0 >= 0) != ($1 >= 0) }.count
          counted.append(
            SignChange(layer: String(name.dropLast(7)), changed: changed, of: parameter.count))
        }
      }
      #expect(changes == counted)
      #expect(changes.contains { $0.changed > 0 })
      let (sum, total) = (counted.reduce(0) { $0 + $1.changed }, counted.reduce(0) { $0 + $1.of })
      #expect(SignChange.share(changes) == Double(sum) / Double(total))
    }
  }

  /// The counts that a training step reports.
  @Test(arguments: [MethodVariant.tang1, .tang2, .fullPrecision])
  func countsOfATrainingStep(variant: MethodVariant) throws {
    let context = try makeContext()
    var trainer = try NotFiniteTests.trainer(variant, learningRate: 0.1)
    func weights() -> [(String, [Float])] {
      var found: [(String, [Float])] = []
      var network = trainer.network
      network.forEachParameter { name, parameter in
        if name.hasSuffix(".weight") { found.append((String(name.dropLast(7)), parameter.value.array)) }
      }
      return found
    }
    let stripes = Stripes(count: 24, seed: 85)
    var total = 0
    for _ in 0..<4 {
      let before = weights()
      let result = try trainer.train(stripes.inputs, stripes.labels, on: context)
      let naive = zip(before, weights()).map { old, new in
        SignChange(
          layer: old.0, changed: zip(old.1, new.1).filter { ($0 >= 0) != ($1 >= 0) }.count, of: old.1.count)
      }
      #expect(result.signChanges == naive)
      total += naive.reduce(0) { $0 + $1.changed }
    }
    #expect(total > 0)
  }

  /// Zero of either sign is +1: a weight that goes from −0 to a positive number has not changed.
  @Test func signOfZero() throws {
    let context = try makeContext()
    var network = try Self.network()
    network.forEachParameter { name, parameter in
      parameter.gradient.assign(Array(repeating: 0, count: parameter.count))
      guard name == "b.weight" else { return }
      parameter.value.assign(Array(repeating: 0.5, count: parameter.count))
      for (index, pair) in [(Float(0), Float(-1)), (-0.0, -1), (0, 1), (-0.0, 1)].enumerated() {
        parameter.value.pointer[index] = pair.0
        parameter.gradient.pointer[index] = pair.1
      }
    }
    var adam = Adam()
    let changes = try adam.update(&network, learningRate: 0.01, regularizer: .none, on: context)
    #expect(changes.first { $0.layer == "b" }?.changed == 2)
    #expect(SignChange.share([]) == 0)
  }
}

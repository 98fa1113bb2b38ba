// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Models with random edits in valid containers: loading gives an error of its own kind, or an engine that runs.
///
/// Oracles: the error's type, and for what loads the interpreter. A trap ends the test run; the seed is in the
/// messages, and in the order of the cases.
struct CompactModelMutationTests {
  private static let numbers = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 33, 64, 255, 256, 4095, 4096, 65535, 65536, 1 << 20, 1 << 24, 1 << 29,
    1 << 30, 1 << 31, 1 << 32, 1 << 62, .max, .max - 1, -1, -2, .min,
  ]

  @Test(arguments: 0..<8)
  func editedModelsLoadOrThrow(chunk: Int) throws {
    let samples = [
      try CompactModelSample.sample(), try CompactModelSample.pixelSample(),
      try CompactModelSample.versionTwoSample(),
    ]
    var (refused, ran) = (0, 0)
    for seed in UInt64(chunk * 1000)..<UInt64(chunk * 1000 + 1000) {
      var random = SplitMix64(seed: seed)
      var sample = samples[seed % 4 == 0 ? 1 : seed % 4 == 1 ? 2 : 0]
      for _ in 0...random.index(below: 3) { try Self.edit(&sample, &random) }
      do {
        let model = try CompactModel(bytes: sample.encoded(), path: "seed \(seed)")
        if try Self.run(model, seed: seed) { ran += 1 }
      } catch let error as ModelFormatError {
        refused += 1
        #expect(error.message.contains(";"), "seed \(seed): says no remedy: \(error)")
      }
    }
    // Both outcomes happen, so neither path is untested.
    #expect(refused > 300 && ran > 50, "\(refused) refused, \(ran) ran")
  }

  /// Runs a model of moderate size, and compares it with the interpreter if it is small.
  private static func run(_ model: CompactModel, seed: UInt64) throws -> Bool {
    let program = model.program
    let size = program.input.count
    let work = program.nodes.reduce(0) { sum, node in
      if case .pixelConvolution(let window, _, let weight) = node.operation {
        return sum + window.outPixels * weight.count
      }
      guard case .convolution(let window, _, let weight, _) = node.operation else {
        guard case .binaryConvolution(let window, _, let bits) = node.operation else {
          return sum + node.output.shape.count
        }
        return sum + window.outPixels * bits.count * 32
      }
      return sum + window.outPixels * weight.count
    }
    guard work < 1 << 20, size < 1 << 20 else { return false }
    let crew = EngineComparison.crews[Int(seed) % EngineComparison.crews.count]
    let inputs = (0..<size * 2).map { Float(($0 &* 7919 &+ Int(seed)) % 13 - 6) / 4 }
    let logits = try Engine(model, crew: crew, batch: 2).logits(inputs)
    let interpreter = Interpreter(program)
    let expected = interpreter.run(Array(inputs[..<size])) + interpreter.run(Array(inputs[size...]))
    let isEqual = zip(logits, expected).allSatisfy {
      $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN)
    }
    #expect(logits.count == expected.count && isEqual, "seed \(seed)")
    return true
  }

  private static func edit(_ sample: inout CompactModelSample, _ random: inout SplitMix64) throws {
    switch random.index(below: 12) {
    case 0...5: try editOperators(&sample, &random)
    case 6: editText("operators", &sample, &random)
    case 7: editText("preprocessing", &sample, &random)
    case 8: editPreprocessing(&sample, &random)
    default: editTensor(&sample, &random)
    }
  }

  private static func editOperators(_ sample: inout CompactModelSample, _ random: inout SplitMix64) throws {
    guard var operators = try? sample.operators, !operators.isEmpty else { return }
    let index = random.index(below: operators.count)
    func number(_ random: inout SplitMix64) -> Int {
      random.index(below: 2) == 0 ? random.index(below: 9) : numbers[random.index(below: numbers.count)]
    }
    func pair(_ random: inout SplitMix64) -> [Int]? {
      switch random.index(below: 8) {
      case 0: nil
      case 1: [number(&random)]
      default: [number(&random), number(&random)]
      }
    }
    let kinds: [Operator.Kind] = [
      .convolution, .pixelConvolution, .binaryConvolution, .prelu, .relu, .maxPool, .averagePool, .affine,
      .binarize, .threshold,
      .scale,
    ]
    switch random.index(below: 11) {
    case 0: operators[index].op = kinds[random.index(below: kinds.count)]
    case 1: operators[index].kernel = pair(&random)
    case 2: operators[index].stride = pair(&random)
    case 3: operators[index].padding = pair(&random)
    case 4: operators[index].groups = number(&random)
    case 5: operators[index].filters = number(&random)
    case 6: operators[index].planes = (0..<random.index(below: 5)).map { _ in number(&random) }
    case 7:
      operators[index].exponent = random.index(below: 2) == 0 ? number(&random) : (0 &- number(&random)) / 2
    case 8: operators.remove(at: index)
    case 9: operators.insert(operators[random.index(below: operators.count)], at: index)
    default: operators.swapAt(index, random.index(below: operators.count))
    }
    try sample.setOperators(operators)
  }

  private static func editText(_ key: String, _ sample: inout CompactModelSample, _ random: inout SplitMix64)
  {
    var text = Array(sample.metadata[key, default: ""].utf8)
    guard !text.isEmpty else { return }
    let alphabet = Array("0123456789-+.eE[]{}:,\"ntfu".utf8)
    for _ in 0...random.index(below: 2) {
      let place = random.index(below: text.count)
      let character = alphabet[random.index(below: alphabet.count)]
      switch random.index(below: 3) {
      case 0: text[place] = character
      case 1: text.insert(character, at: place)
      default: if text.count > 1 { text.remove(at: place) }
      }
    }
    sample.metadata[key] = String(decoding: text, as: UTF8.self)
  }

  private static func editPreprocessing(_ sample: inout CompactModelSample, _ random: inout SplitMix64) {
    let (height, width) = (numbers[random.index(below: numbers.count)], 1 + random.index(below: 9))
    let zero = ["", ",\"zero\":[0,255]", ",\"zero\":[7]", ",\"zero\":[1,256]"][random.index(below: 4)]
    sample.metadata["preprocessing"] = """
      {"height":\(height),"width":\(width),"channels":2,"mean":[0,0],"deviation":[1,1],"resize":"stretch"\(zero)}
      """
  }

  /// Another shape, type, content or name for a tensor whose bytes stay consistent.
  private static func editTensor(_ sample: inout CompactModelSample, _ random: inout SplitMix64) {
    let names = sample.tensors.keys.sorted()
    guard !names.isEmpty else { return }
    let name = names[random.index(below: names.count)]
    guard var tensor = sample.tensors[name] else { return }
    switch random.index(below: 5) {
    case 0: tensor.shape = tensor.shape.reversed()
    case 1:
      for _ in 0...random.index(below: 8) where !tensor.bytes.isEmpty {
        tensor.bytes[random.index(below: tensor.bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      }
    case 2: (tensor.type, tensor.shape) = (.uint8, [tensor.bytes.count])
    case 3:
      sample.tensors[names[random.index(below: names.count)]] = tensor
    default: tensor.shape.insert(1, at: 0)
    }
    sample.tensors[name] = random.index(below: 10) == 0 ? nil : tensor
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// A compute context with the fastest kernels of this machine.
func makeContext(threads: Int = 2, precision: Precision = .float32) throws -> ComputeContext {
  try ComputeContext(crew: Crew(table: KernelTable.chosen(), threads: threads), precision: precision)
}

/// `count` numbers, uniform in [low, high), from a seed.
func randomFloats(_ count: Int, seed: UInt64, low: Float = -1, high: Float = 1) -> [Float] {
  var random = SplitMix64(seed: seed)
  return (0..<count).map { _ in random.uniform(low, high) }
}

extension ComputeContext {
  /// A tensor of random values.
  func random(_ images: Int, _ shape: FeatureShape, seed: UInt64, low: Float = -1, high: Float = 1) -> Tensor
  {
    tensor(images, shape, values: randomFloats(images * shape.count, seed: seed, low: low, high: high))
  }
}

extension Layer {
  /// The backward pass on plain tensors.
  mutating func backward(
    _ dy: Tensor, saved: Saved, wantsInputGradient: Bool, on context: ComputeContext
  ) throws -> Tensor? {
    try backward(Gradient(dy), saved: saved, wantsInputGradient: wantsInputGradient, on: context).map {
      context.widened($0.tensor)
    }
  }
}

extension Sequential {
  /// The backward pass on plain tensors.
  mutating func backward(
    _ gradient: Tensor, tape: consuming Tape, wantsInputGradient: Bool = false, on context: ComputeContext
  ) throws -> Tensor? {
    try backward(
      Gradient(gradient), tape: tape, wantsInputGradient: wantsInputGradient, on: context
    ).map { context.widened($0.tensor) }
  }
}

extension Array where Element == Float {
  var doubles: [Double] { map(Double.init) }
  var bits: [UInt32] { map(\.bitPattern) }
}

/// Expects two lists of numbers to differ by at most `tolerance` of the largest magnitude in `expected`.
func expectClose(
  _ actual: [Double], _ expected: [Double], tolerance: Double, absolute: Double = .infinity, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record(
      "\(what): \(actual.count) values instead of \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  let largest = expected.reduce(0) { max($0, abs($1)) }
  let bound = min(tolerance * largest, absolute)
  for index in expected.indices where !(abs(actual[index] - expected[index]) <= bound) {
    Issue.record(
      "\(what)[\(index)] is \(actual[index]) instead of \(expected[index]); bound \(bound)",
      sourceLocation: sourceLocation)
    return
  }
}

/// Mean 0.5 and deviation 0.25, with the zero that the method needs.
func makePreprocessing(_ input: FeatureShape, for method: Method) -> Preprocessing {
  let preprocessing = Preprocessing(
    height: input.height, width: input.width, channels: input.channels,
    mean: Array(repeating: 0.5, count: input.channels),
    deviation: Array(repeating: 0.25, count: input.channels))
  return method.firstLayer == .int8 ? preprocessing.withByteZero : preprocessing
}

/// A run on made-up data: a small network, classes named by numbers.
func makeConfiguration(
  _ network: NetworkDescription, input: FeatureShape, classes: Int, method: Method = .tang, epochs: Int = 4,
  batchSize: Int = 8, seed: UInt64 = 7
) -> RunConfiguration {
  RunConfiguration(
    data: "made-up", network: network, method: method,
    preprocessing: makePreprocessing(input, for: method),
    classNames: (0..<classes).map(String.init), epochs: epochs, batchSize: batchSize, validation: 0,
    seed: seed)
}

extension Trainer {
  /// A step on arrays.
  @discardableResult
  mutating func train(_ inputs: [Float], _ labels: [Int32], on context: ComputeContext) throws -> StepResult {
    try inputs.withUnsafeBufferPointer {
      try train(TrainingBatch(inputs: $0, labels: labels), on: context)
    }
  }

  /// Steps on random images, the same ones for the same step.
  mutating func trainOnNoise(steps: Int, batchSize: Int, on context: ComputeContext) throws {
    let classes = configuration.classNames.count
    for _ in 0..<steps {
      let inputs = randomFloats(batchSize * network.input.count, seed: 900 + UInt64(step), low: -2, high: 2)
      try train(inputs, (0..<batchSize).map { Int32(($0 * 7 + step) % classes) }, on: context)
    }
  }
}

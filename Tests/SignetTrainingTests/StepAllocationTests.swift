// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import Signet
import SignetTraining
import Testing

/// What a training step asks the heap for, once the first two have made what all of them use.
///
/// Oracle: a count of every request to the C library, in a step with one thread: the test's own.
@Suite(.enabled(if: allocation_count_is_available(), "the heap's requests can't be counted here"))
struct StepAllocationTests {
  private static func count(_ body: () throws -> Void) rethrows -> allocation_count {
    allocation_count_start()
    defer { _ = allocation_count_stop() }
    try body()
    return allocation_count_stop()
  }

  /// The counter counts: an array, and memory on a boundary of its own.
  @Test func requestsAreSeen() {
    var kept: [Int] = []
    let array = Self.count { kept = Array(repeating: 1, count: 10_000) }
    #expect(array.requests >= 1 && array.largest >= 80_000 && kept.count == 10_000)
    var buffer: AlignedBuffer<Float>?
    let aligned = Self.count { buffer = AlignedBuffer(count: 5000) }
    #expect(aligned.requests >= 1 && aligned.largest >= 20_000 && buffer?.count == 5000)
    #expect(Self.count {}.requests == 0)
  }

  /// Nothing whose size depends on the layers' is allocated in a step: what is left are references to the pool's memory,
  /// boxes of layers' saved values, and arrays of a few numbers, as many in each step.
  @Test(
    arguments: Precision.allCases,
    [MethodVariant.tang1, .tang2, .lastFull, .int8, .bnn, .bwn, .xnor, .dorefa2, .fullPrecision])
  func stepsAllocateNoNumbers(precision: Precision, variant: MethodVariant) throws {
    let context = try makeContext(threads: 1, precision: precision)
    var trainer = try Trainer(
      makeConfiguration(Self.network, input: Stripes.shape, classes: 3, method: variant.method),
      stepsPerEpoch: 100)
    let stripes = Stripes(count: 48, seed: 89)
    func steps(_ count: Int) throws -> [allocation_count] {
      try stripes.inputs.withUnsafeBufferPointer { inputs in
        let batch = TrainingBatch(inputs: inputs, labels: stripes.labels)
        return try (0..<count).map { _ in
          try Self.count { _ = try trainer.train(batch, on: context) }
        }
      }
    }
    // A per-channel array of the widest layer would have 768 bytes, its packed weights 20736. The integer weights of an 8-bit
    // first layer are an array of the file format's.
    let limit = variant == .int8 ? 2048 : 768
    let first = try steps(2)[0]
    let later = try steps(8)
    for (step, allocations) in later.enumerated() {
      #expect(allocations.requests <= later[0].requests, "step \(step + 3)")
      #expect(allocations.largest < limit, "step \(step + 3) asked for \(allocations.largest) bytes")
    }
    let layers = trainer.network.layers.count
    #expect(later[0].requests <= 30 * layers, "\(later[0]) in a step of \(layers) layers; first \(first)")
  }

  /// Layers of 192 channels, so that what grows with them is told from what does not.
  private static let network = NetworkDescription(
    name: "wide",
    layers: [
      .convolution("a", 192, kernel: 3, padding: 1), .convolution("b", 192, kernel: 3, padding: 1),
      .maxPool(2, stride: 2), .convolution("c", 192, kernel: 1),
      .convolution("d", nil, kernel: 3, padding: 1),
      .averagePool,
    ])
}

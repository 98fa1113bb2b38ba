// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// A problem that a network must learn from: stripes in one of three directions, in noise.
struct Stripes {
  static let shape = FeatureShape(height: 8, width: 8, channels: 1)
  var inputs: [Float] = []
  var labels: [Int32] = []

  init(count: Int, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<count {
      let label = random.index(below: 3)
      let (phase, contrast) = (random.index(below: 4), random.uniform(0.6, 1.2))
      labels.append(Int32(label))
      for y in 0..<8 {
        for x in 0..<8 {
          let along = [x, y, x + y][label]
          let stripe: Float = (along + phase) % 4 < 2 ? 1 : -1
          inputs.append(contrast * stripe + random.uniform(-0.8, 0.8))
        }
      }
    }
  }
}

/// Oracle: the labels of images that were not trained on; accuracy is the packed engine's.
@Suite struct LearningTests {
  static let network = NetworkDescription(
    name: "tiny",
    layers: [
      .convolution("conv1", 12, kernel: 3, padding: 1), .convolution("conv2", 24, kernel: 3, padding: 1),
      .maxPool(2, stride: 2), .convolution("conv3", nil, kernel: 3, padding: 1), .averagePool,
    ])

  @Test(
    arguments: [
      MethodVariant.tang1, .tang2, .lastFull, .fullPrecision, .binaryConnect, .bnn, .bwn, .xnor, .xnorPlanes,
      .dorefa1, .dorefa2, .dorefaBinary,
    ])
  func learnsStripes(variant: MethodVariant) throws {
    var method = variant.method
    (method.learningRate, method.schedule) = (0.01, .cosine)
    let configuration = makeConfiguration(
      Self.network, input: Stripes.shape, classes: 3, method: method, epochs: 6, batchSize: 32)
    let (training, test) = (Stripes(count: 480, seed: 71), Stripes(count: 600, seed: 72))
    let context = try makeContext()
    let pixels = AlignedBuffer(training.inputs)
    let size = Stripes.shape.count
    var results: [EpochResult] = []
    var changes: [Double] = []
    var run = TrainingRun(
      trainer: try Trainer(configuration, stepsPerEpoch: 15),
      batches: { epoch, _ in
        var random = SplitMix64(seed: 73, stream: UInt64(epoch))
        var starts = random.permutation(15)
        return {
          guard let start = starts.popLast() else { return nil }
          let range = start * 32..<(start + 1) * 32
          return TrainingBatch(
            inputs: UnsafeBufferPointer(start: pixels.pointer + range.lowerBound * size, count: 32 * size),
            labels: Array(training.labels[range]))
        }
      },
      hasValidation: true,
      validate: { model in
        let logits = try Engine(model, crew: context.crew, batch: 64).logits(test.inputs)
        var evaluation = Evaluation()
        logits.withUnsafeBufferPointer { evaluation.add(logits: $0, labels: test.labels) }
        return evaluation
      }, save: { _, _ in },
      observe: { event in
        switch event {
        case .step(let step, _): changes.append(SignChange.share(step.signChanges))
        case .epoch(let result): results.append(result)
        }
      })
    try run.run(on: context)
    withExtendedLifetime(pixels) {}
    let (first, last) = (try #require(results.first), try #require(results.last))
    let top1 = try #require(last.validation).top1
    #expect(last.validation?.count == 600)
    #expect(top1 > 0.9, "\(variant): \(results.map { $0.validation?.top1 ?? 0 })")
    #expect(last.loss < first.loss)
    #expect(last.trainingTop1 > first.trainingTop1)
    #expect(changes.count == 90 && changes.contains { $0 > 0 } && !changes.contains { $0 > 1 })
    #expect(try last.compactBytes == run.trainer.compactModel().count)
  }
}

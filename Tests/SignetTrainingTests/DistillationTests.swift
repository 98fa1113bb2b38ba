// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetTraining
import Testing

/// Oracle: the formula in double precision and its central differences.
@Suite struct DistillationTests {
  private static let classes = 7

  private static func softmax(_ row: ArraySlice<Double>, _ temperature: Double) -> [Double] {
    let powers = row.map { exp($0 / temperature) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  private static func loss(
    _ x: [Double], teacher: [Double], labels: [Int32], weight: Double, temperature: Double
  ) -> Double {
    let hard = LossTests.crossEntropy(x, labels: labels)
    var soft = 0.0
    for image in labels.indices {
      let row = image * classes..<(image + 1) * classes
      let (p, q) = (softmax(x[row], temperature), softmax(teacher[row], temperature))
      soft += zip(p, q).reduce(0) { $0 + $1.1 * log($1.1 / $1.0) }
    }
    return (1 - weight) * hard + weight * temperature * temperature * soft / Double(labels.count)
  }

  private static func shape(_ classes: Int = classes) -> FeatureShape {
    FeatureShape(height: 1, width: 1, channels: classes)
  }

  /// Numbers in a pool, as a teacher gives them.
  private static func pooled(_ values: [Float], on context: ComputeContext) -> PooledArray<Float> {
    let array = context.array(values.count, of: Float.self)
    for (index, value) in values.enumerated() { array[index] = value }
    return array
  }

  private static func distillation(_ weight: Float, _ temperature: Float) -> Distillation {
    Distillation(teacher: "t", digest: "d", weight: weight, temperature: temperature)
  }

  @Test(arguments: [Float(0.3), 0.9, 1], [Float(0.5), 1, 4])
  func gradient(weight: Float, temperature: Float) throws {
    let (context, labels) = (try makeContext(), [Int32(3), 0, 6, 6, 1])
    let logits = context.random(labels.count, Self.shape(), seed: 5, low: -4, high: 4)
    let teacher = randomFloats(labels.count * Self.classes, seed: 6, low: -6, high: 6)
    let (loss, gradient, correct) = Self.distillation(weight, temperature).evaluate(
      logits, teacher: Self.pooled(teacher, on: context), labels: labels, on: context)
    func oracle(_ x: [Double]) -> Double {
      Self.loss(
        x, teacher: teacher.doubles, labels: labels, weight: Double(weight), temperature: Double(temperature))
    }
    let values = logits.array.doubles
    #expect(abs(loss - oracle(values)) < 1e-6 * loss)
    check("dx", gradient.array, at: values, loss: oracle)
    #expect(correct == CrossEntropy.evaluate(logits, labels: labels, on: context).correct)
  }

  /// Shards add up to the whole batch.
  @Test func shardsAddUp() throws {
    let (context, labels) = (try makeContext(), [Int32(3), 0, 6, 6, 1])
    let values = randomFloats(labels.count * Self.classes, seed: 5, low: -4, high: 4)
    let teacher = randomFloats(labels.count * Self.classes, seed: 6, low: -6, high: 6)
    let distillation = Self.distillation(0.7, 3)
    func part(_ images: Range<Int>) -> (loss: Double, gradient: [Float]) {
      let range = images.lowerBound * Self.classes..<images.upperBound * Self.classes
      let (loss, gradient, _) = distillation.evaluate(
        context.tensor(images.count, Self.shape(), values: Array(values[range])),
        teacher: Self.pooled(Array(teacher[range]), on: context), labels: Array(labels[images]),
        batch: labels.count, on: context)
      return (loss, gradient.array)
    }
    let (whole, first, second) = (part(0..<5), part(0..<2), part(2..<5))
    #expect(abs(whole.loss - first.loss - second.loss) < 1e-12)
    #expect(whole.gradient == first.gradient + second.gradient)
  }

  @Test func whoAgreesWithItsTeacherHasNothingToLearn() throws {
    let context = try makeContext()
    let values: [Float] = [9000, -9000, 300, 0, 0.5, -3, 2]
    let (loss, gradient, _) = Self.distillation(1, 2).evaluate(
      context.tensor(1, Self.shape(), values: values), teacher: Self.pooled(values, on: context), labels: [1],
      on: context)
    #expect(loss == 0)
    #expect(gradient.array.allSatisfy { $0 == 0 })
  }

  @Test func ofLargeLogits() throws {
    let context = try makeContext()
    let (loss, gradient, _) = Self.distillation(1, 1).evaluate(
      context.tensor(1, Self.shape(2), values: [9000, -9000]),
      teacher: Self.pooled([-9000, 9000], on: context), labels: [0],
      on: context)
    #expect(loss == 18000)
    #expect(gradient.array == [1, -1])
  }

  @Test(arguments: [Float(0), -0.5, 1.5, .nan, .infinity]) func badWeightsAreRefused(weight: Float) {
    #expect(throws: TrainingError.self) { try Self.distillation(weight, 1).validated() }
  }

  @Test(arguments: [Float(0), -1, 0.01, 1000, .nan, .infinity])
  func badTemperaturesAreRefused(temperature: Float) {
    #expect(throws: TrainingError.self) { try Self.distillation(0.5, temperature).validated() }
  }
}

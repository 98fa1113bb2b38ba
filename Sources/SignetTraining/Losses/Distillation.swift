// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Learning from a teacher: how much the logits of a network that was trained before count beside the labels.
///
/// `L = (1 − w)·CE(x, label) + w·T²·KL(softmax(t/T) ‖ softmax(x/T))`, averaged over the batch, for logits `x` and the teacher's `t`.
/// - Source: Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network", section 2.
package struct Distillation: Codable, Hashable, Sendable {
  /// The compact model that teaches, as it was asked for.
  package var teacher: String
  /// Its ``CompactModel/digest``: another teacher makes another run.
  package var digest: String
  /// Share of the teacher's term in the loss, `w`.
  package var weight: Float
  /// What logits are divided by, `T`: at 1 the teacher's probabilities as they are, above it flatter ones.
  package var temperature: Float

  /// Whether a share of the loss can be the teacher's.
  package static func isWeight(_ weight: Float) -> Bool { weight > 0 && weight <= 1 }
  /// Temperatures that softmax is of use at.
  package static let temperatures: ClosedRange<Float> = 0.1...100
  /// Taken if not given.
  package static let (usualWeight, usualTemperature): (Float, Float) = (0.9, 2)

  package init(
    teacher: String, digest: String, weight: Float = Self.usualWeight,
    temperature: Float = Self.usualTemperature
  ) {
    (self.teacher, self.digest) = (teacher, digest)
    (self.weight, self.temperature) = (weight, temperature)
  }

  /// Checks what a file or a command line may have wrong.
  package func validated() throws -> Distillation {
    guard Self.isWeight(weight) else {
      throw TrainingError(
        .badOption, "the teacher's weight is \(weight); give a number above 0 that is at most 1")
    }
    guard Self.temperatures.contains(temperature) else {
      throw TrainingError(
        .badOption, "the teacher's temperature is \(temperature); give a number from 0.1 to 100")
    }
    return self
  }

  /// The loss, its gradient, and how many images have their label's logit ahead of all others; else as
  /// ``CrossEntropy/evaluate(_:labels:batch:on:)``.
  ///
  /// `dx = (1 − w)·dCE + w·T·(softmax(x/T) − softmax(t/T)) / N`; `teacher` are its logits, in the order of `logits`.
  package func evaluate(
    _ logits: Tensor, teacher: PooledArray<Float>, labels: [Int32], batch: Int? = nil,
    on context: ComputeContext
  ) -> (loss: Double, gradient: Tensor, correct: Int) {
    let (crossEntropy, gradient, correct) = CrossEntropy.evaluate(
      logits, labels: labels, batch: batch, on: context)
    let (classes, images) = (logits.shape.count, Double(batch ?? labels.count))
    let (w, t) = (Double(weight), Double(temperature))
    let own = context.array(2 * classes, of: Double.self)
    let (p, q) = (own.slice(0, of: classes).pointer, own.slice(1, of: classes).pointer)
    defer { withExtendedLifetime((own, teacher)) {} }
    var divergence = 0.0
    for image in labels.indices {
      let (x, goal) = (logits.pointer + image * classes, teacher.pointer + image * classes)
      let dx = gradient.pointer + image * classes
      // Of logarithms, so that what is as good as 0 in both costs nothing.
      Self.logSoftmax(x, classes, temperature: t, to: p)
      Self.logSoftmax(goal, classes, temperature: t, to: q)
      for index in 0..<classes {
        let wanted = exp(q[index])
        if wanted > 0 { divergence += wanted * (q[index] - p[index]) }
        let tilt = w * t * (exp(p[index]) - wanted) / images
        dx[index] = Float((1 - w) * Double(dx[index]) + tilt)
      }
    }
    // A logit that is not finite must show, also where the labels don't count.
    let loss = crossEntropy.isFinite ? (1 - w) * crossEntropy + w * t * t * divergence / images : crossEntropy
    return (loss, gradient, correct)
  }

  /// `log softmax(x/T)`.
  private static func logSoftmax(
    _ x: UnsafePointer<Float>, _ classes: Int, temperature: Double, to result: UnsafeMutablePointer<Double>
  ) {
    var best = x[0]
    for index in 1..<classes where x[index] > best { best = x[index] }
    var sum = 0.0
    for index in 0..<classes {
      result[index] = (Double(x[index]) - Double(best)) / temperature
      sum += exp(result[index])
    }
    let total = log(sum)
    for index in 0..<classes { result[index] -= total }
  }
}

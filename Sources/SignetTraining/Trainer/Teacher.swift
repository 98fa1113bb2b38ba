// SPDX-License-Identifier: Apache-2.0

package import Signet

/// A compact model that a run learns from: its logits of each batch, by the packed engine.
///
/// It may be of any method and size, but must tell the same classes apart in images of the same size.
package struct Teacher: Sendable {
  package let distillation: Distillation
  private let engine: Engine
  /// By channel: what an input of the run is multiplied by, and what is added, to be one of the teacher's; nil if they are the same.
  private let conversion: [(factor: Float, offset: Float)]?

  /// - Throws: ``TrainingError`` if the model is another one than the run was started with, or does not fit it.
  package init(_ model: CompactModel, for run: RunConfiguration, crew: Crew) throws {
    guard let distillation = run.distillation else {
      throw TrainingError(
        .badRun, "a teacher is given, but the run was started without one; leave it out, or start a new run")
    }
    guard model.digest == distillation.digest else {
      throw TrainingError(
        .badRun,
        "the teacher is not the file that the run was started with, which was \(distillation.teacher); restore it, or name a copy of it with --teacher"
      )
    }
    let (own, other) = (run.preprocessing, model.preprocessing)
    guard (own.height, own.width, own.channels) == (other.height, other.width, other.channels) else {
      throw TrainingError(
        .badOption,
        "the teacher \(distillation.teacher) takes images of \(other.height)×\(other.width)×\(other.channels), the run's are \(own.height)×\(own.width)×\(own.channels); train one for these"
      )
    }
    guard model.classNames == run.classNames else {
      let classes =
        model.classNames.isEmpty
        ? "does not name its classes"
        : "has \(counted(model.classNames.count, "class", plural: "classes")) that are not the \(run.classNames.count) of the run in their order"
      throw TrainingError(
        .badOption, "the teacher \(distillation.teacher) \(classes); train one on the run's data")
    }
    self.distillation = distillation
    engine = try Engine(model, crew: crew, batch: min(32, max(1, run.batchSize)))
    conversion =
      own == other ? nil : (0..<own.channels).map { Self.conversion(of: $0, from: own, to: other) }
  }

  /// What the one calls `x`, the other calls `(x·deviation + mean − its mean) / its deviation`.
  private static func conversion(
    of channel: Int, from own: Preprocessing, to other: Preprocessing
  ) -> (factor: Float, offset: Float) {
    func mean(_ preprocessing: Preprocessing) -> Double {
      preprocessing.zero.map { Double($0[channel]) / 255 } ?? Double(preprocessing.mean[channel])
    }
    let deviation = Double(other.deviation[channel])
    return (
      Float(Double(own.deviation[channel]) / deviation), Float((mean(own) - mean(other)) / deviation)
    )
  }

  /// The teacher's logits of a batch, `[images, classes]`.
  ///
  /// - Throws: ``TrainingError`` `.notFinite` if one of them is not finite.
  package func logits(
    of inputs: UnsafePointer<Float>, images: Int, on context: ComputeContext
  ) throws -> PooledArray<Float> {
    let logits = context.array(images * engine.plan.outputs, of: Float.self)
    run(inputs, images: images, to: logits.pointer, on: context)
    guard logits.indices.allSatisfy({ logits[$0].isFinite }) else {
      throw TrainingError(
        .notFinite,
        "the teacher \(distillation.teacher) gives logits that are not finite; learn from another model")
    }
    return logits
  }

  private func run(
    _ inputs: UnsafePointer<Float>, images: Int, to logits: UnsafeMutablePointer<Float>,
    on context: ComputeContext
  ) {
    guard let conversion else { return engine.run(inputs, images: images, logits: logits) }
    let channels = conversion.count
    let converted = context.array(images * engine.plan.input.count, of: Float.self)
    defer { withExtendedLifetime(converted) {} }
    let target = converted.pointer
    nonisolated(unsafe) let source = inputs
    context.crew.pool.runRanges(converted.count / channels, grain: 4096) { range, _ in
      for (channel, (factor, offset)) in conversion.enumerated() {
        for pixel in range {
          target[pixel * channels + channel] = source[pixel * channels + channel] * factor + offset
        }
      }
    }
    engine.run(target, images: images, logits: logits)
  }
}

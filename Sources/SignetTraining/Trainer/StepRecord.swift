// SPDX-License-Identifier: Apache-2.0

package import Signet

/// The first step of a run on random images, for comparison with other programs.
///
/// A safetensors file: `input` `[N, H, W, C]`, `labels` `[N]`, `logits` `[N, classes]`, and each `parameter.NAME` before the
/// step with its `gradient.NAME`; the loss is in the metadata.
package struct StepRecord {
  private let writer: TensorArchiveWriter

  package init(_ configuration: RunConfiguration, crew: Crew) throws {
    let context = try ComputeContext(crew: crew, precision: configuration.precision ?? .float32)
    var network = try configuration.initialNetwork()
    let batch = RandomBatch(configuration)
    let shape = configuration.inputShape
    let inputs = Array(batch.training.inputs)
    let x = context.tensor(batch.labels.count, shape, values: inputs)
    let (logits, tape) = try network.forward(x, phase: .training, on: context)
    let (loss, gradient, _) = CrossEntropy.evaluate(logits, labels: batch.labels, on: context)
    try network.backward(Gradient(gradient, key: configuration.seed), tape: tape, on: context)
    var writer = TensorArchiveWriter(metadata: ["loss": "\(loss)"])
    let images = batch.labels.count
    writer.add("input", shape: [images, shape.height, shape.width, shape.channels], floats: inputs)
    writer.add("labels", shape: [images], int32s: batch.labels)
    writer.add("logits", shape: [images, logits.shape.count], floats: logits.array)
    network.forEachParameter { name, parameter in
      writer.add("parameter.\(name)", shape: parameter.shape, floats: parameter.value.array)
      writer.add("gradient.\(name)", shape: parameter.shape, floats: parameter.gradient.array)
    }
    self.writer = writer
  }

  /// Writes the file, whole or not at all.
  package func write(to path: String) throws { try writer.write(to: path) }
}

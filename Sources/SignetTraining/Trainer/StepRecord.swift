// SPDX-License-Identifier: Apache-2.0

package import Signet

/// The first step of a run on random images, for comparison with other programs.
///
/// A safetensors file: `input` `[N, H, W, C]`, `labels` `[N]`, `logits` `[N, classes]`, and each `parameter.NAME` before the
/// step with its `gradient.NAME`, and `binarized.LAYER` `[N, H, W, C]`, what each binary layer's convolution reads; the loss is
/// in the metadata.
package struct StepRecord {
  private let writer: TensorArchiveWriter

  package init(_ configuration: RunConfiguration, crew: Crew) throws {
    let context = try ComputeContext(crew: crew, precision: configuration.precision ?? .float32)
    var network = try configuration.initialNetwork()
    let batch = RandomBatch(configuration)
    let shape = configuration.inputShape
    let inputs = Array(batch.training.inputs)
    let x = context.tensor(batch.labels.count, shape, values: inputs)
    var binarized: [(layer: BinaryConvolution, values: [Float])] = []
    let (logits, tape) = try network.forward(x, phase: .training, on: context) { layer, input, _ in
      guard var layer = layer as? BinaryConvolution else { return }
      binarized.append((layer, try layer.binarized(input, on: context)))
    }
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
    for (layer, values) in binarized {
      let input = layer.input
      writer.add(
        "binarized.\(layer.name)", shape: [images, input.height, input.width, input.channels], floats: values)
    }
    self.writer = writer
  }

  /// Writes the file, whole or not at all.
  package func write(to path: String) throws { try writer.write(to: path) }
}

extension BinaryConvolution {
  /// The binarized input, `Σ β_m H_m` or k-bit numbers in [0, 1], `[N, H, W, C]`.
  fileprivate mutating func binarized(_ x: Tensor, on context: ComputeContext) throws -> [Float] {
    let saved = try encode(x, phase: .training, on: context)
    let (levels, planes) = (saved.levels.values, saved.levels.weights.count)
    let (words, own) = (layout.words, input.channels / groups)
    var values: [Float] = []
    values.reserveCapacity(x.rows * input.channels)
    for row in 0..<x.rows {
      for channel in 0..<input.channels {
        let (word, bit) = (channel / own * layout.groupWords + channel % own / 32, channel % own % 32)
        values.append(
          levels[
            (0..<planes).reduce(0) { code, plane in
              code | Int(saved.codes.words[(row * planes + plane) * words + word] >> bit & 1) << plane
            }])
      }
    }
    withExtendedLifetime(saved) {}
    return values
  }
}

// SPDX-License-Identifier: Apache-2.0

import CBLAS
package import Signet

/// What a network computes with: kernels and threads, and memory that is used again.
package final class ComputeContext: Sendable {
  package let crew: Crew
  package let memory = MemoryPool()

  /// Rows that one task of a pass over rows takes; fixed, so that sums have the same shape for any thread count.
  static let chunkRows = 256

  package init(crew: Crew) {
    self.crew = crew
    // Our own threads call BLAS; it must not start more.
    openblas_set_num_threads(1)
  }

  package func tensor(_ images: Int, _ shape: FeatureShape) -> Tensor {
    Tensor(images: images, shape: shape, memory: memory.take(bytes: images * shape.count * 4))
  }

  /// A tensor with the given values.
  package func tensor(_ images: Int, _ shape: FeatureShape, values: UnsafePointer<Float>) -> Tensor {
    let tensor = tensor(images, shape)
    tensor.pointer.update(from: values, count: tensor.count)
    return tensor
  }

  /// Runs `body` on fixed chunks of rows.
  package func chunks(of rows: Int, _ body: (_ chunk: Int, _ range: Range<Int>) -> Void) {
    let size = Self.chunkRows
    crew.pool.run((rows + size - 1) / size) { chunk, _ in
      body(chunk, chunk * size..<min(rows, (chunk + 1) * size))
    }
  }

  /// Per-channel sums over rows: `body` writes the sums of one chunk into `[kinds][channels]`; they are added in order.
  package func channelSums(
    rows: Int, channels: Int, kinds: Int, _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) -> [Double] {
    let width = kinds * channels
    let count = (rows + Self.chunkRows - 1) / Self.chunkRows
    let region = memory.take(bytes: count * width * 4)
    defer { region.keep() }
    let partial = region.floats
    chunks(of: rows) { chunk, range in body(range, partial + chunk * width) }
    var sums = [Double](repeating: 0, count: width)
    for chunk in 0..<count {
      for index in 0..<width { sums[index] += Double(partial[chunk * width + index]) }
    }
    return sums
  }
}

/// Whether a forward pass learns from its batch.
package enum Phase: Sendable {
  /// Batch statistics; running ones are updated; binary layers run packed.
  case training
  /// Running statistics; binary layers are computed in floats, as an oracle of the engine.
  case evaluation
}

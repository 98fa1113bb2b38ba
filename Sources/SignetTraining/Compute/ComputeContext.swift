// SPDX-License-Identifier: Apache-2.0

import CBLAS
import CSignetKernels
package import Signet

/// What a network computes with: kernels and threads, and memory that is used again.
package final class ComputeContext: Sendable {
  package let crew: Crew
  package let memory: MemoryPool
  /// What the backward pass of binary layers computes with.
  package let precision: Precision
  /// Times the parts of each step, for a benchmark.
  package let stopwatch: Stopwatch?
  /// How each batch is cut into shards; nil where it is not.
  package let group: ShardGroup?
  /// The shard that this context computes; nil for whole batches.
  let shard: Shard?
  /// Kernels of that backward pass; never changed.
  nonisolated(unsafe) let gradients: UnsafePointer<sk_gradients>

  /// The instruction set of those kernels and what it has beyond it: bfloat16 gradients have other bits with another one.
  package var gradientKernels: String { String(cString: gradients.pointee.name) }

  /// Rows that one task of a pass over rows takes; fixed, so that sums have the same shape for any thread count.
  static let chunkRows = Int(SK_GRADIENT_PIXELS)

  /// A context of its own, or one that uses the memory of another.
  /// - Throws: ``EngineError`` if the crew's kernels can't train.
  package init(
    crew: Crew, precision: Precision = .float32, stopwatch: Stopwatch? = nil, group: ShardGroup? = nil,
    shard: Shard? = nil, sharing other: ComputeContext? = nil
  ) throws {
    self.crew = crew
    memory = other?.memory ?? MemoryPool()
    self.stopwatch = stopwatch
    self.precision = precision
    self.group = group
    self.shard = shard
    // Shards ask in every step; to ask the processor again takes longer than one would think.
    let same = other.flatMap { $0.crew.kernels.isa == crew.kernels.isa ? $0.gradients : nil }
    guard let gradients = same ?? sk_gradients_for(crew.kernels.isa) else {
      throw EngineError(.unsupportedISA, "this build has no training kernels for \(crew.table.isa)")
    }
    self.gradients = gradients
    // Our own threads call BLAS; it must not start more. Shards at work find it told already.
    if other == nil { openblas_set_num_threads(1) }
  }

  /// A context for one shard of a batch, or for one that is for itself; it uses this one's memory.
  func part(_ shard: Shard?) throws -> ComputeContext {
    try ComputeContext(
      crew: crew, precision: precision, stopwatch: stopwatch, shard: shard, sharing: self)
  }

  package func tensor(_ images: Int, _ shape: FeatureShape, _ element: Tensor.Element = .float32) -> Tensor {
    Tensor(
      images: images, shape: shape, element: element,
      memory: memory.take(bytes: images * shape.count * element.bytes))
  }

  /// The values as floats, through the activation function if one is pending.
  package func plain(_ x: Tensor) -> Tensor {
    guard x.element != .float32 || x.slopes != nil else { return x }
    let y = tensor(x.images, x.shape)
    withUnsafePointer(to: x.forKernels) { values in
      chunks(of: x.rows) { _, range in
        crew.kernels.plain_values(values, y.pointer, range.lowerBound, range.upperBound)
      }
    }
    withExtendedLifetime(x) {}
    return y
  }

  /// A tensor with the given values.
  package func tensor(_ images: Int, _ shape: FeatureShape, values: UnsafePointer<Float>) -> Tensor {
    let tensor = tensor(images, shape)
    tensor.pointer.update(from: values, count: tensor.count)
    return tensor
  }

  /// `y = factor[c]·x`, one factor a channel or one for all; `y` may be `x`.
  package func scale(_ x: Tensor, by factors: PooledArray<Float>, into y: Tensor) {
    let channels = x.channels
    let (own, nothing) = (array(channels, of: Float.self), array(channels, of: Float.self))
    for channel in 0..<channels { own[channel] = factors[factors.count == channels ? channel : 0] }
    // −0 added to a product leaves it as it is.
    nothing.fill(-0.0)
    chunks(of: x.rows) { _, range in
      let first = range.lowerBound * channels
      crew.kernels.affine(
        x.pointer + first, own.pointer, nothing.pointer, y.pointer + first, range.count, channels)
    }
    withExtendedLifetime((x, y, own, nothing)) {}
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
    rows: Int, channels: Int, kinds: Int,
    _ body: (_ rows: Range<Int>, _ sums: UnsafeMutablePointer<Float>, _ worker: Int) -> Void
  ) -> PooledArray<Double> {
    let width = kinds * channels
    let count = (rows + Self.chunkRows - 1) / Self.chunkRows
    let region = memory.take(bytes: count * width * 4)
    defer { region.keep() }
    let partial = region.floats
    let size = Self.chunkRows
    crew.pool.run(count) { chunk, worker in
      body(chunk * size..<min(rows, (chunk + 1) * size), partial + chunk * width, worker)
    }
    let sums = array(width, of: Double.self)
    sums.fill(0)
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

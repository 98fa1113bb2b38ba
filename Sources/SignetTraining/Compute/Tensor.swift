// SPDX-License-Identifier: Apache-2.0

package import Signet

/// Activations of a batch or their gradient: `[images, height, width, channels]` floats.
///
/// The memory is shared by copies of the value; a layer writes only to tensors that it made itself.
package struct Tensor: Sendable {
  package let images: Int
  package let shape: FeatureShape
  private let memory: Memory

  package init(images: Int, shape: FeatureShape, memory: Memory) {
    self.images = images
    self.shape = shape
    self.memory = memory
  }

  package var pointer: UnsafeMutablePointer<Float> { memory.floats }
  package var count: Int { images * shape.count }
  /// Pixels of all images.
  package var rows: Int { images * shape.pixels }
  package var channels: Int { shape.channels }
  /// The values where they lie; the tensor must outlive the use.
  package var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: pointer, count: count) }
  /// A copy of the values.
  package var array: [Float] { withExtendedLifetime(memory) { Array(values) } }
}

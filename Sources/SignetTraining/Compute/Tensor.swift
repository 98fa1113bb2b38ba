// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels
package import Signet

/// Activations of a batch or their gradient: `[images, height, width, channels]`.
///
/// The memory is shared by copies of the value; a layer writes only to tensors that it made itself.
package struct Tensor: Sendable {
  /// How a value is stored.
  package enum Element: Sendable {
    case float32
    /// Accumulators of a binary convolution that are at most 32767.
    case int16
    /// The upper half of a float: gradients alone.
    case bfloat16

    var bytes: Int { self == .float32 ? 4 : 2 }
    /// As kernels of gradients call it.
    var kernel: sk_precision { self == .bfloat16 ? .bfloat16 : .float32 }
  }

  package let images: Int
  package let shape: FeatureShape
  package let element: Element
  /// Slopes of an activation function that the values have yet to go through: whoever reads them applies it.
  package var slopes: AlignedBuffer<Float>?
  /// What the gradient of these values may be rounded to: the layer that made them takes it so.
  package var gradientElement = Element.float32
  /// Whether that layer makes bytes of it, of all filters together: it then wants ``GradientMaxima``.
  var wantsMaxima = false
  private let memory: Memory

  package init(images: Int, shape: FeatureShape, element: Element = .float32, memory: Memory) {
    self.images = images
    self.shape = shape
    self.element = element
    self.memory = memory
  }

  /// A tensor in the place of this one, which nobody reads any more, or the same values in another shape; nil if it does
  /// not fit.
  func replaced(by shape: FeatureShape) -> Tensor? {
    guard images * shape.count <= count else { return nil }
    return Tensor(images: images, shape: shape, element: element, memory: memory)
  }

  package var count: Int { images * shape.count }
  /// Pixels of all images.
  package var rows: Int { images * shape.pixels }
  package var channels: Int { shape.channels }
  /// The stored values, of any type.
  package var raw: UnsafeMutableRawPointer { memory.raw }
  /// The stored floats.
  package var pointer: UnsafeMutablePointer<Float> {
    precondition(element == .float32, "a tensor of \(element) is read as floats")
    return memory.floats
  }
  /// The stored floats where they lie; the tensor must outlive the use.
  package var values: UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: pointer, count: count) }

  /// The values as kernels read them; the tensor must outlive the use.
  package var forKernels: sk_values {
    precondition(element != .bfloat16, "a gradient is read as activations")
    return sk_values(
      data: memory.raw, shorts: element == .int16, channels: UInt32(channels), slope: slopes?.pointer)
  }

  /// A copy of the values, through the activation function if one is pending.
  package var array: [Float] {
    withExtendedLifetime(self) {
      (0..<count).map { index in
        let value =
          switch element {
          case .float32: memory.floats[index]
          case .int16: Float(memory.raw.load(fromByteOffset: index * 2, as: Int16.self))
          case .bfloat16:
            Float(bitPattern: UInt32(memory.raw.load(fromByteOffset: index * 2, as: UInt16.self)) << 16)
          }
        guard let slopes, !(value >= 0) else { return value }
        return slopes.pointer[index % channels] * value
      }
    }
  }
}

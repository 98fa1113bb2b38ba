// SPDX-License-Identifier: Apache-2.0

/// What an engine asks of its input.
enum InputCheck {
  /// How many whole images there are.
  /// - Throws: ``EngineError`` with both sizes.
  static func images(in count: Int, of shape: FeatureShape) throws(EngineError) -> Int {
    let (images, rest) = count.quotientAndRemainder(dividingBy: shape.count)
    guard rest == 0 else {
      throw EngineError(
        .badInput,
        "\(count) values given; one image of \(shape) has \(shape.count): give whole images of that size")
    }
    return images
  }

  /// Refuses images of another size.
  /// - Throws: ``EngineError`` with both sizes.
  static func require(_ shape: FeatureShape, for own: FeatureShape) throws(EngineError) {
    guard shape == own else {
      throw EngineError(
        .badInput, "images of \(shape) given; the model takes \(own): bring them to that size first")
    }
  }

  /// Refuses infinities and what is not a number.
  ///
  /// One pass of whole-number operations that the compiler turns into vectors; the place is looked for only if it exists.
  /// - Throws: ``EngineError`` with the image, and the place in it.
  static func requireFinite(
    _ values: UnsafeBufferPointer<Float>, shape: FeatureShape
  ) throws(EngineError) {
    // A step of the exponent carries into the sign's place only from the exponent of infinities and NaNs.
    var seen: UInt32 = 0
    for value in values { seen |= (value.bitPattern & 0x7FFF_FFFF) &+ 0x0080_0000 }
    guard seen >= 0x8000_0000, let place = values.firstIndex(where: { !$0.isFinite }) else { return }
    let (image, inside) = place.quotientAndRemainder(dividingBy: shape.count)
    let (pixel, channel) = inside.quotientAndRemainder(dividingBy: shape.channels)
    throw EngineError(
      .notFinite,
      """
      image \(image): value \(inside) (row \(pixel / shape.width), column \(pixel % shape.width), channel \(channel)) \
      is \(values[place]); give finite numbers
      """, image: image)
  }
}

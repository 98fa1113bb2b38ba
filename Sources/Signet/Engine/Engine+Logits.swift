// SPDX-License-Identifier: Apache-2.0

extension Engine {
  /// The logits of one or more normalised images.
  ///
  /// - Parameter inputs: images `[N, height, width, channels]` of the model's size, without a unit:
  ///   ``Preprocessing`` says what a pixel's byte becomes.
  /// - Returns: logits, `[N, classes]`; no images give no logits.
  /// - Throws: ``EngineError`` with code `badInput` if the count is not a multiple of one image's, and `notFinite`,
  ///   with the image and the place in it, if a value is infinite or not a number. Nothing is computed then.
  /// - Complexity: the model's multiply-adds for each image; checking the input is a thousandth of that.
  public func logits(_ inputs: [Float]) throws(EngineError) -> [Float] {
    try inputs.withUnsafeBufferPointer { (inputs) throws(EngineError) in try logits(inputs) }
  }

  /// The logits of one or more normalised images, read where they lie.
  ///
  /// See ``logits(_:)-([Float])``; the memory must not change until the call returns.
  /// - Parameter inputs: images `[N, height, width, channels]` of the model's size.
  /// - Returns: logits, `[N, classes]`.
  /// - Throws: ``EngineError``, as for an array.
  /// - Complexity: the model's multiply-adds for each image; no copy of the whole input is made.
  public func logits(_ inputs: UnsafeBufferPointer<Float>) throws(EngineError) -> [Float] {
    let shape = model.inputShape
    let images = try InputCheck.images(in: inputs.count, of: shape)
    try InputCheck.requireFinite(inputs, shape: shape)
    return Self.filled(images * model.classCount) { logits in
      guard let from = inputs.baseAddress else { return }
      run(from, images: images, logits: logits)
    }
  }

  /// The logits of one or more images as bytes.
  ///
  /// - Parameters:
  ///   - pixels: images `[N, height, width, channels]` of the model's size, 0 black and 255 white.
  ///   - shape: the size that the images have, to be checked against the model's; nil if it is known to be that.
  /// - Returns: logits, `[N, classes]`; no images give no logits.
  /// - Throws: ``EngineError`` with code `badInput` if `shape` is not the model's, or the count is not a multiple of one
  ///   image's. Nothing is computed then.
  /// - Complexity: the model's multiply-adds for each image.
  public func logits(pixels: [UInt8], shape: FeatureShape? = nil) throws(EngineError) -> [Float] {
    try pixels.withUnsafeBufferPointer { (pixels) throws(EngineError) in
      try logits(pixels: UnsafeRawBufferPointer(pixels), shape: shape)
    }
  }

  /// The logits of one or more images as bytes, read where they lie.
  ///
  /// See ``logits(pixels:shape:)-([UInt8],_)``; for what holds bytes otherwise, such as `Data`, a slice or a span, in its
  /// `withUnsafeBytes`. The memory must not change until the call returns.
  /// - Parameters:
  ///   - pixels: images `[N, height, width, channels]` of the model's size, 0 black and 255 white.
  ///   - shape: the size that the images have, to be checked against the model's; nil if it is known to be that.
  /// - Returns: logits, `[N, classes]`.
  /// - Throws: ``EngineError``, as for an array.
  /// - Complexity: the model's multiply-adds for each image; no copy of the whole input is made.
  public func logits(
    pixels: UnsafeRawBufferPointer, shape: FeatureShape? = nil
  ) throws(EngineError) -> [Float] {
    let own = model.inputShape
    if let shape { try InputCheck.require(shape, for: own) }
    let images = try InputCheck.images(in: pixels.count, of: own)
    return Self.filled(images * model.classCount) { logits in
      guard let from = pixels.bindMemory(to: UInt8.self).baseAddress else { return }
      run(pixels: from, images: images, logits: logits)
    }
  }

  private static func filled(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      guard count > 0, let base = buffer.baseAddress else { return }
      base.update(repeating: 0, count: count)
      body(base)
      filled = count
    }
  }
}

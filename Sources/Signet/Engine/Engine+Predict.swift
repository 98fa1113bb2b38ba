// SPDX-License-Identifier: Apache-2.0

extension Engine {
  /// Names what is in one or more images.
  ///
  /// - Parameters:
  ///   - pixels: images `[N, height, width, channels]` of the model's size, 0 black and 255 white.
  ///   - shape: the size that the images have, to be checked against the model's; nil if it is known to be that.
  ///   - top: classes wanted of each image; all if there are fewer.
  /// - Returns: for each image its most probable classes, the most probable first; of classes with equal logits, the one
  ///   with the lower index first.
  /// - Throws: ``EngineError`` with code `badInput` if `shape` is not the model's, the count is not a multiple of one
  ///   image's, or `top` is not positive; with `notFinite` and the image if a logit is no finite number.
  /// - Complexity: the model's multiply-adds for each image, and O(C log C) for C classes.
  public func predict(
    pixels: [UInt8], shape: FeatureShape? = nil, top: Int = 5
  ) throws(EngineError) -> [[Prediction]] {
    try pixels.withUnsafeBufferPointer { (pixels) throws(EngineError) in
      try predict(pixels: UnsafeRawBufferPointer(pixels), shape: shape, top: top)
    }
  }

  /// Names what is in one or more images, read where they lie.
  ///
  /// See ``predict(pixels:shape:top:)-([UInt8],_,_)``; for what holds bytes otherwise, such as `Data`, a slice or a span,
  /// in its `withUnsafeBytes`. The memory must not change until the call returns.
  /// - Parameters:
  ///   - pixels: images `[N, height, width, channels]` of the model's size, 0 black and 255 white.
  ///   - shape: the size that the images have, to be checked against the model's; nil if it is known to be that.
  ///   - top: classes wanted of each image; all if there are fewer.
  /// - Returns: for each image its most probable classes, the most probable first.
  /// - Throws: ``EngineError``, as for an array.
  /// - Complexity: the model's multiply-adds for each image, and O(C log C) for C classes.
  public func predict(
    pixels: UnsafeRawBufferPointer, shape: FeatureShape? = nil, top: Int = 5
  ) throws(EngineError) -> [[Prediction]] {
    try Self.requirePositive(top)
    return try ranked(logits(pixels: pixels, shape: shape), top: top)
  }

  /// Names what is in one or more normalised images.
  ///
  /// - Parameters:
  ///   - inputs: images `[N, height, width, channels]` of the model's size, without a unit: ``Preprocessing`` says what
  ///     a pixel's byte becomes.
  ///   - top: classes wanted of each image; all if there are fewer.
  /// - Returns: for each image its most probable classes, the most probable first; of classes with equal logits, the one
  ///   with the lower index first.
  /// - Throws: ``EngineError`` with code `badInput` if the count is not a multiple of one image's, or `top` is not
  ///   positive; with `notFinite` and the image if a value or a logit is no finite number.
  /// - Complexity: the model's multiply-adds for each image, and O(C log C) for C classes.
  public func predict(_ inputs: [Float], top: Int = 5) throws(EngineError) -> [[Prediction]] {
    try inputs.withUnsafeBufferPointer { (inputs) throws(EngineError) in try predict(inputs, top: top) }
  }

  /// Names what is in one or more normalised images, read where they lie.
  ///
  /// See ``predict(_:top:)-([Float],_)``; the memory must not change until the call returns.
  /// - Parameters:
  ///   - inputs: images `[N, height, width, channels]` of the model's size.
  ///   - top: classes wanted of each image; all if there are fewer.
  /// - Returns: for each image its most probable classes, the most probable first.
  /// - Throws: ``EngineError``, as for an array.
  /// - Complexity: the model's multiply-adds for each image, and O(C log C) for C classes.
  public func predict(
    _ inputs: UnsafeBufferPointer<Float>, top: Int = 5
  ) throws(EngineError) -> [[Prediction]] {
    try Self.requirePositive(top)
    return try ranked(logits(inputs), top: top)
  }

  private static func requirePositive(_ top: Int) throws(EngineError) {
    guard top >= 1 else { throw EngineError(.badInput, "top is \(top); give a positive number of classes") }
  }

  /// The best classes of each image.
  private func ranked(_ logits: [Float], top: Int) throws(EngineError) -> [[Prediction]] {
    let classes = model.classCount
    if let place = logits.firstIndex(where: { !$0.isFinite }) {
      throw EngineError(
        .notFinite,
        """
        image \(place / classes): the logit of class \(place % classes) is \(logits[place]); the input's numbers or \
        the model's weights are too large
        """, image: place / classes)
    }
    return (0..<logits.count / classes).map { image in
      Prediction.ranked(
        logits: logits[image * classes..<(image + 1) * classes], names: model.classNames, top: top)
    }
  }
}

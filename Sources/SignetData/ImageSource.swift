// SPDX-License-Identifier: Apache-2.0

import Signet

/// A data set: images that all have one layout, each with the class that it belongs to; in memory, or read as they are needed.
package protocol ImageSource: Sendable {
  /// What the data set is called in messages.
  var name: String { get }
  /// What all images are brought to.
  var layout: ImageLayout { get }
  /// How many images there are.
  var count: Int { get }
  /// The names of the classes.
  var classNames: [String] { get }
  /// Whether reading an image takes files and time, and can fail.
  var isStreamed: Bool { get }
  /// What tells these images from others without reading them; `nil` where they are in memory, and so their statistics do.
  var digest: String? { get }
  /// Where files that can't be read are listed, instead of ending everything; `nil` where they are an error.
  var skipped: SkippedImages? { get }

  /// The class of an image, an index into ``classNames``.
  func label(at index: Int) -> Int

  /// The images with these indices, in this order.
  func subset(_ indices: [Int]) -> Self

  /// Mean and deviation of each channel, on the scale where white is 1.
  ///
  /// - Shapes: both `[channels]`.
  func channelStatistics() throws(DataError) -> (mean: [Float], deviation: [Float])

  /// Calls `body` with the bytes of an image in ``layout``, `[height, width, channels]`.
  ///
  /// `crop` is the part of the picture that is brought to the layout, instead of what the layout says; `scratch` has room for the
  /// bytes, and may be used.
  /// - Throws: ``DataError`` that names the file.
  func withPixels(
    at index: Int, crop: ResizedCrop?, scratch: UnsafeMutableBufferPointer<UInt8>,
    _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) throws(DataError)
}

extension ImageSource {
  /// Rows of each image.
  package var height: Int { layout.height }
  /// Columns of each image.
  package var width: Int { layout.width }
  /// 1 for grey, 3 for RGB.
  package var channels: Int { layout.channels }
  /// Bytes of one image.
  package var imageByteCount: Int { layout.byteCount }

  /// One image; `index` must be below ``count``.
  ///
  /// - Throws: ``DataError`` that names the file, if it is one that can't be read.
  package func image(at index: Int) throws(DataError) -> PixelImage {
    let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: imageByteCount)
    defer { scratch.deallocate() }
    var pixels: [UInt8] = []
    try withPixels(at: index, crop: nil, scratch: scratch) { pixels = Array($0) }
    return PixelImage(height: height, width: width, channels: channels, pixels: pixels)
  }

  /// Splits off `count` images for validation, chosen by `seed`; both parts keep the order of the whole.
  ///
  /// - Throws: ``DataError`` with code `.invalidArgument` unless `0 ≤ count < self.count`.
  package func heldOut(
    count heldOutCount: Int, seed: UInt64
  ) throws(DataError) -> (training: Self, validation: Self) {
    guard heldOutCount >= 0, heldOutCount < count else {
      throw DataError(
        .invalidArgument,
        "\(heldOutCount) images cannot be held out of the \(count) of \(name); choose from 0 to \(max(count - 1, 0))"
      )
    }
    var random = RandomStream.heldOut.generator(seed: seed)
    var isHeldOut = [Bool](repeating: false, count: count)
    for index in random.permutation(count).prefix(heldOutCount) { isHeldOut[index] = true }
    return (
      subset((0..<count).filter { !isHeldOut[$0] }), subset((0..<count).filter { isHeldOut[$0] })
    )
  }
}

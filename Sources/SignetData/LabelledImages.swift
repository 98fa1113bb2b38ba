// SPDX-License-Identifier: Apache-2.0

import Signet

/// A data set in memory: images of one size, each with the class that it belongs to.
///
/// - Shapes: `pixels` is `[count, height, width, channels]`, row-major; `labels` is `[count]`.
package struct LabelledImages: Sendable {
  /// What the data set is called in messages.
  package let name: String
  /// Rows of each image.
  package let height: Int
  /// Columns of each image.
  package let width: Int
  /// 1 for grey, 3 for RGB.
  package let channels: Int
  /// All images, one after another.
  package let pixels: [UInt8]
  /// The class of each image, an index into ``classNames``.
  package let labels: [Int]
  /// The names of the classes.
  package let classNames: [String]

  /// How many images there are.
  package var count: Int { labels.count }
  /// Bytes of one image.
  package var imageByteCount: Int { height * width * channels }
  /// The size that all images have; pass it on when loading data that must match.
  package var layout: ImageLayout { ImageLayout(height: height, width: width, channels: channels) }

  /// Creates a data set after checking that its parts agree.
  ///
  /// `path`, the file or folder that the labels come from, is for messages only.
  /// - Throws: ``DataError``: `.invalidArgument` or `.tooLarge` for an impossible image size, `.countMismatch` if
  ///   the bytes are not those of `labels.count` images, `.labelOutOfRange` with the first wrong label's index.
  package init(
    name: String, height: Int, width: Int, channels: Int, pixels: [UInt8], labels: [Int],
    classNames: [String],
    path: String? = nil
  ) throws(DataError) {
    try ImageLayout(height: height, width: width, channels: channels).validate(path: path)
    let (expected, overflow) = labels.count.multipliedReportingOverflow(by: height * width * channels)
    guard !overflow, pixels.count == expected else {
      throw DataError(
        .countMismatch,
        "\(name): \(pixels.count) bytes are not \(labels.count) images of \(height)×\(width)×\(channels); "
          + "images and labels must belong together", path: path)
    }
    if let index = labels.firstIndex(where: { !classNames.indices.contains($0) }) {
      throw DataError(
        .labelOutOfRange,
        "label \(labels[index]) of image \(index) is not one of the \(classNames.count) classes "
          + "0…\(classNames.count - 1); the labels are damaged or of other data", path: path)
    }
    self.init(
      unchecked: name, height: height, width: width, channels: channels, pixels: pixels, labels: labels,
      classNames: classNames)
  }

  private init(
    unchecked name: String, height: Int, width: Int, channels: Int, pixels: [UInt8], labels: [Int],
    classNames: [String]
  ) {
    self.name = name
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
    self.labels = labels
    self.classNames = classNames
  }

  /// One image; `index` must be below ``count``.
  package func image(at index: Int) -> PixelImage {
    precondition(labels.indices.contains(index), "image \(index) of \(count)")
    let start = index * imageByteCount
    return PixelImage(
      height: height, width: width, channels: channels, pixels: Array(pixels[start..<start + imageByteCount]))
  }

  /// The images with these indices, in this order; each index must be below ``count``.
  ///
  /// - Complexity: O(bytes of the result).
  package func subset(_ indices: [Int]) -> LabelledImages {
    let size = imageByteCount
    let chosen = [UInt8](unsafeUninitializedCapacity: indices.count * size) { output, initialized in
      pixels.withUnsafeBufferPointer { input in
        for (place, index) in indices.enumerated() {
          precondition(labels.indices.contains(index), "image \(index) of \(count)")
          _ = UnsafeMutableBufferPointer(rebasing: output[place * size..<(place + 1) * size])
            .update(fromContentsOf: UnsafeBufferPointer(rebasing: input[index * size..<(index + 1) * size]))
        }
      }
      initialized = indices.count * size
    }
    return LabelledImages(
      unchecked: name, height: height, width: width, channels: channels, pixels: chosen,
      labels: indices.map { labels[$0] }, classNames: classNames)
  }

  /// All images brought to another layout; the same data set if they have it already.
  ///
  /// - Throws: ``DataError`` if the layout is impossible or the result needs more memory than the machine has.
  package func fitted(to target: ImageLayout) throws(DataError) -> LabelledImages {
    try target.validate()
    if (target.height, target.width, target.channels) == (height, width, channels) { return self }
    try target.checkMemory(images: count, path: nil)
    var fitted: [UInt8] = []
    fitted.reserveCapacity(count * target.byteCount)
    for index in 0..<count {
      fitted.append(contentsOf: try image(at: index).fitted(to: target).pixels)
    }
    return LabelledImages(
      unchecked: name, height: target.height, width: target.width, channels: target.channels, pixels: fitted,
      labels: labels, classNames: classNames)
  }
}

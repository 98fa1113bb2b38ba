// SPDX-License-Identifier: Apache-2.0

import Signet

/// Image files brought to a layout, with memory and decoder that serve one image after another; for one thread at a time.
///
/// What is not needed is not looked at: a JPEG file that is cut off is noticed in any case, damage within it where its pixels are
/// needed. So whether a damaged file can be read depends on the crop, and a list of such files grows from epoch to epoch.
///
/// Of a large JPEG image only the part that is needed is decoded, and at 1/2, 1/4 or 1/8 of its size where the input shows no more
/// than that. Both follow from the sizes of image and part alone. A layout that stretches whole images, without a crop, is made
/// of all pixels: that is what `PixelImage.fitted(to:)` gives.
package final class ImageReader {
  /// Memory up to this size is kept for the next image.
  private static let keptBytes = 32 << 20

  private let jpeg: JPEGDecoder
  private let scratch = Resampling.Scratch()
  private var file: [UInt8] = []
  private var pixels = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)

  /// - Throws: ``DataError`` if there is no memory for a decoder.
  package init() throws(DataError) {
    jpeg = try JPEGDecoder()
  }

  deinit { pixels.deallocate() }

  /// Reads a file as an input of a network.
  ///
  /// `crop` is the part that becomes the input, instead of what the layout says; `output` has room for the layout's bytes. `check`
  /// is given size and time of the file before it is decoded.
  /// - Throws: ``DataError`` with the path, as ``ImageDecoder/decode(path:)`` does; what `check` throws.
  func read(
    path: String, as layout: ImageLayout, crop: ResizedCrop? = nil,
    into output: UnsafeMutableBufferPointer<UInt8>,
    check: (FileSystem.Stamp) throws(DataError) -> Void
  ) throws(DataError) {
    defer { releaseLargeMemory() }
    try check(FileSystem.load(path, limit: ImageLimits.fileBytes, into: &file))
    guard file.starts(with: JPEGDecoder.magic) else {
      return fit(try ImageDecoder.decode(bytes: file, path: path), as: layout, crop: crop, into: output)
    }
    let metadata = JPEGMetadata(file)
    // The decoder keeps the address of the bytes between its calls.
    try file.withUnsafeBufferPointer { bytes throws(DataError) in
      let header = try jpeg.open(bytes, metadata: metadata, path: path)
      try read(header, bytes: bytes, path: path, as: layout, crop: crop, into: output)
    }
  }

  /// The same of a file that nothing is known of.
  package func read(
    path: String, as layout: ImageLayout, crop: ResizedCrop? = nil,
    into output: UnsafeMutableBufferPointer<UInt8>
  ) throws(DataError) {
    try read(path: path, as: layout, crop: crop, into: output) { _ in }
  }

  private func read(
    _ header: JPEGDecoder.Header, bytes: UnsafeBufferPointer<UInt8>, path: String, as layout: ImageLayout,
    crop: ResizedCrop?, into output: UnsafeMutableBufferPointer<UInt8>
  ) throws(DataError) {
    let isTurned = header.metadata.orientation >= 5
    let (height, width) = isTurned ? (header.width, header.height) : (header.height, header.width)
    let sampling = Self.sampling(layout, height: height, width: width, crop: crop)
    let shrinks = layout.resize == .centerCrop || crop != nil
    let denominator = shrinks ? sampling.denominator : 1
    if header.metadata.orientation != 1 {
      let image = try jpeg.whole(header, denominator: denominator, path: path)
      let resampling = sampling.resampling(
        height: image.height, width: image.width, denominator: denominator)
      return fit(image, with: resampling, channels: layout.channels, into: output)
    }
    let resampling = sampling.resampling(
      height: JPEGDecoder.scaled(height, denominator), width: JPEGDecoder.scaled(width, denominator),
      denominator: denominator)
    let (rows, columns) = (resampling.rows.inputs, resampling.columns.inputs)
    let part = room(rows.count * columns.count * header.components)
    // A file that ends as it should is not cut off, so that what is behind the part need not be looked at.
    let isComplete = bytes.suffix(64).indices.dropLast().contains {
      bytes[$0] == 0xff && bytes[$0 + 1] == 0xd9
    }
    try jpeg.decode(
      rows: rows, columns: columns, denominator: denominator, toEnd: !isComplete || !shrinks, path: path,
      into: part)
    if header.components == 4 {
      JPEGDecoder.convertToRGB(part, inverted: header.metadata.hasAdobeSegment)
    }
    var channels = header.channels
    if channels == 3, layout.channels == 1 {
      PixelImage.convertToGrey(part, count: rows.count * columns.count)
      channels = 1
    }
    resampling.apply(UnsafeBufferPointer(part), channels: channels, scratch: scratch, into: output)
    if channels < layout.channels { PixelImage.spreadGrey(output, count: layout.height * layout.width) }
  }

  /// Bytes of a file that are looked at for its size: a camera's preview and colour profile stand before it.
  private static let headBytes = 256 << 10

  /// Rows and columns of the image in a file, upright; only its beginning is read, unless the size is not there.
  ///
  /// - Throws: ``DataError`` with the path.
  func size(path: String) throws(DataError) -> (height: Int, width: Int) {
    try FileSystem.load(path, limit: ImageLimits.fileBytes, first: Self.headBytes, into: &file)
    var found: (height: Int, width: Int)?
    if file.starts(with: JPEGDecoder.magic) {
      let metadata = JPEGMetadata(file)
      found = metadata.storedSize.map {
        metadata.orientation >= 5 ? (height: $0.width, width: $0.height) : $0
      }
    } else {
      found = PNGDecoder.size(file)
    }
    if let found {
      try ImageLayout(height: found.height, width: found.width, channels: 3).validate(path: path)
      return found
    }
    let image = try ImageDecoder.decode(path: path)
    return (image.height, image.width)
  }

  private static func sampling(
    _ layout: ImageLayout, height: Int, width: Int, crop: ResizedCrop?
  ) -> ImageSampling {
    guard let crop else { return ImageSampling(layout, height: height, width: width) }
    return ImageSampling(layout, region: crop.region(height: height, width: width))
  }

  /// An image that is decoded already, as an input.
  func fit(
    _ image: PixelImage, as layout: ImageLayout, crop: ResizedCrop?,
    into output: UnsafeMutableBufferPointer<UInt8>
  ) {
    let sampling = Self.sampling(layout, height: image.height, width: image.width, crop: crop)
    fit(
      image, with: sampling.resampling(height: image.height, width: image.width), channels: layout.channels,
      into: output)
  }

  private func fit(
    _ image: PixelImage, with resampling: Resampling, channels: Int,
    into output: UnsafeMutableBufferPointer<UInt8>
  ) {
    let converted = channels == 1 ? image.converted(toChannels: 1) : image
    converted.pixels.withUnsafeBufferPointer { input in
      resampling.apply(
        input, stride: converted.width * converted.channels,
        skipping: (resampling.rows.inputs.lowerBound, resampling.columns.inputs.lowerBound),
        channels: converted.channels, scratch: scratch, into: output)
    }
    if converted.channels < channels {
      PixelImage.spreadGrey(output, count: resampling.rows.starts.count * resampling.columns.starts.count)
    }
  }

  /// Gives back what an unusually large image took.
  private func releaseLargeMemory() {
    if file.capacity > Self.keptBytes { file = [] }
    scratch.release(above: Self.keptBytes)
    if pixels.count > Self.keptBytes {
      pixels.deallocate()
      pixels = UnsafeMutableBufferPointer(start: nil, count: 0)
    }
  }

  private func room(_ count: Int) -> UnsafeMutableBufferPointer<UInt8> {
    if pixels.count < count {
      pixels.deallocate()
      pixels = .allocate(capacity: count)
    }
    return UnsafeMutableBufferPointer(rebasing: pixels[..<count])
  }
}

extension ImageDecoder {
  /// Reads a file as a model takes it: the bytes that ``ImageReader`` gives.
  ///
  /// - Throws: ``DataError``, also for a layout that is impossible.
  package static func decode(path: String, as layout: ImageLayout) throws(DataError) -> PixelImage {
    try layout.validate()
    try checkIsFile(path)
    let reader = try ImageReader()
    var failure: DataError?
    let bytes = [UInt8](unsafeUninitializedCapacity: layout.byteCount) { output, initialized in
      do throws(DataError) {
        try reader.read(path: path, as: layout, into: output)
        initialized = layout.byteCount
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return PixelImage(
      height: layout.height, width: layout.width, channels: layout.channels, pixels: bytes)
  }
}

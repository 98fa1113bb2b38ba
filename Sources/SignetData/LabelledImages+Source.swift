// SPDX-License-Identifier: Apache-2.0

extension LabelledImages: ImageSource {
  package var isStreamed: Bool { false }
  package var digest: String? { nil }
  package var skipped: SkippedImages? { nil }

  package func label(at index: Int) -> Int { labels[index] }

  /// Mean and deviation over all pixels of all images.
  package func channelStatistics() -> (mean: [Float], deviation: [Float]) {
    var histogram = ChannelHistogram(channels: channels)
    pixels.withUnsafeBufferPointer { histogram.add($0) }
    return histogram.statistics
  }

  package func withPixels(
    at index: Int, crop: ResizedCrop?, scratch: UnsafeMutableBufferPointer<UInt8>,
    _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) {
    precondition(labels.indices.contains(index), "image \(index) of \(count)")
    let size = imageByteCount
    pixels.withUnsafeBufferPointer { pixels in
      let image = UnsafeBufferPointer(rebasing: pixels[index * size..<(index + 1) * size])
      guard let crop else { return body(image) }
      let resampling = ImageSampling(layout, region: crop.region(height: height, width: width))
        .resampling(height: height, width: width)
      resampling.apply(
        image, stride: width * channels,
        skipping: (resampling.rows.inputs.lowerBound, resampling.columns.inputs.lowerBound),
        channels: channels, scratch: Resampling.Scratch(), into: scratch)
      body(UnsafeBufferPointer(scratch))
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Signet
import Synchronization

/// Images that stay in their files and are decoded as they are needed.
///
/// Memory is the index and the readers of the threads that work at a time, whatever the number of images.
package struct StreamedImages: ImageSource {
  package let name: String
  package let layout: ImageLayout
  package let classNames: [String]
  package let skipped: SkippedImages?
  /// The files.
  package let index: ImageIndex
  /// Which of the index's images these are.
  private let chosen: [UInt32]
  /// Mean and deviation that are known beforehand.
  private let known: (mean: [Float], deviation: [Float])?
  private let readers = Readers()

  /// The most images that ``channelStatistics()`` reads.
  package static let sampleSize = 2048

  package var count: Int { chosen.count }
  package var isStreamed: Bool { true }
  package var digest: String? { index.digest }

  /// All images of an index.
  ///
  /// `classNames` are what the index's classes are called, `known` is mean and deviation of the data, if they need not be measured.
  /// - Throws: ``DataError`` if the layout is impossible.
  package init(
    name: String, index: ImageIndex, layout: ImageLayout, classNames: [String],
    known: (mean: [Float], deviation: [Float])? = nil, skipped: SkippedImages? = nil
  ) throws(DataError) {
    try layout.validate()
    self.name = name
    self.index = index
    self.layout = layout
    self.classNames = classNames
    self.known = known
    self.skipped = skipped
    chosen = (0..<UInt32(index.count)).map { $0 }
  }

  private init(_ whole: StreamedImages, chosen: [UInt32]) {
    (name, layout, classNames) = (whole.name, whole.layout, whole.classNames)
    (skipped, index, known) = (whole.skipped, whole.index, whole.known)
    self.chosen = chosen
  }

  package func label(at index: Int) -> Int { self.index.label(at: Int(chosen[index])) }

  /// The file of an image.
  package func path(at index: Int) -> String { self.index.path(at: Int(chosen[index])) }

  package func subset(_ indices: [Int]) -> StreamedImages {
    StreamedImages(self, chosen: indices.map { chosen[$0] })
  }

  package func withPixels(
    at index: Int, crop: ResizedCrop?, scratch: UnsafeMutableBufferPointer<UInt8>,
    _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) throws(DataError) {
    let path = path(at: index)
    let reader = try readers.take()
    defer { readers.give(back: reader) }
    do throws(DataError) {
      try reader.read(path: path, as: layout, crop: crop, into: scratch) { stamp throws(DataError) in
        try self.index.check(stamp, at: Int(chosen[index]))
      }
    } catch {
      if error.isOfFile { skipped?.add(error, path: path) }
      throw error
    }
    body(UnsafeBufferPointer(scratch))
  }

  /// Mean and deviation over at most ``sampleSize`` images, which lie evenly among all; or what is known beforehand.
  ///
  /// - Throws: ``DataError`` that names the first file which can't be read, unless such files are skipped; `.empty` if all are.
  package func channelStatistics() throws(DataError) -> (mean: [Float], deviation: [Float]) {
    if let known, known.mean.count == channels { return known }
    let sample = min(count, Self.sampleSize)
    let pieces = 64
    let results = Mutex<[Int: Result<ChannelHistogram, DataError>]>([:])
    DispatchQueue.concurrentPerform(iterations: pieces) { piece in
      let part = piece * sample / pieces..<(piece + 1) * sample / pieces
      let result = values(of: part.map { $0 * count / sample })
      results.withLock { $0[piece] = result }
    }
    var histogram = ChannelHistogram(channels: channels)
    for piece in 0..<pieces {
      guard let result = results.withLock({ $0[piece] }) else { continue }
      histogram.add(try result.get())
    }
    guard !histogram.isEmpty else {
      throw DataError(.empty, "\(name): none of \(sample) images can be read; mend the files or the path")
    }
    return histogram.statistics
  }

  private func values(of images: [Int]) -> Result<ChannelHistogram, DataError> {
    var histogram = ChannelHistogram(channels: channels)
    let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: imageByteCount)
    defer { scratch.deallocate() }
    for image in images {
      do throws(DataError) {
        try withPixels(at: image, crop: nil, scratch: scratch) { histogram.add($0) }
      } catch {
        if skipped == nil || !error.isOfFile { return .failure(error) }
      }
    }
    return .success(histogram)
  }

  /// Readers that no thread uses at the moment.
  private final class Readers: Sendable {
    /// A reader is one thread's at a time: hence the unchecked `Sendable`.
    private struct Idle: @unchecked Sendable {
      var readers: [ImageReader] = []
    }

    private let idle = Mutex(Idle())

    func take() throws(DataError) -> ImageReader {
      if let reader = idle.withLock({ $0.readers.popLast() }) { return reader }
      return try ImageReader()
    }

    func give(back reader: ImageReader) {
      nonisolated(unsafe) let reader = reader
      idle.withLock { $0.readers.append(reader) }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Decodes the files of a folder into memory, on all cores.
struct FolderDecoding {
  let files: FolderFiles
  /// Where files that can't be read are listed; `nil` if they are an error.
  let skipped: SkippedImages?

  /// All images, in one size.
  ///
  /// They are fitted to `layout`; without one, images of one size stay as they are, and RGB unless all are grey, and images of
  /// several sizes are fitted to `mixedSize`, or to the size of the first.
  /// - Throws: ``DataError``: `.tooLarge`, and those of ``ImageDecoder`` with the path of the first image that can't be decoded.
  func load(
    name: String, classNames: [String], layout: ImageLayout?, mixedSize: (height: Int, width: Int)?
  ) throws(DataError) -> LabelledImages {
    var (decoded, size) = try read(layout: layout, mixedSize: mixedSize)
    if layout == nil, decoded.areGrey {
      decoded.pixels = stride(from: 0, to: decoded.pixels.count, by: 3).map { decoded.pixels[$0] }
      size.channels = 1
    }
    return try LabelledImages(
      name: name, height: size.height, width: size.width, channels: size.channels, pixels: decoded.pixels,
      labels: decoded.places.map(files.label), classNames: classNames, path: files.folder)
  }

  /// The size of the images, upright; `nil` if it is not the same in a sample that lies evenly among them, or none can be read.
  func sampledSize() throws(DataError) -> (height: Int, width: Int)? {
    let sample = min(files.count, ImageFolder.sampleSize)
    var size: (height: Int, width: Int)?
    let reader = try ImageReader()
    for place in 0..<sample {
      guard let other = try self.size(of: place * files.count / sample, reader) else { continue }
      if let size, size != other { return nil }
      size = other
    }
    return size
  }

  /// The size of the first image, upright.
  func firstSize() throws(DataError) -> (height: Int, width: Int) {
    let reader = try ImageReader()
    for place in 0..<files.count {
      if let size = try size(of: place, reader) { return size }
    }
    return try noImage()
  }

  private func size(
    of place: Int, _ reader: ImageReader
  ) throws(DataError) -> (height: Int, width: Int)? {
    let path = files.path(at: place)
    do throws(DataError) {
      return try reader.size(path: path)
    } catch {
      guard let skipped, error.isOfFile else { throw error }
      skipped.add(error, path: path)
      return nil
    }
  }

  /// What came of the files.
  private struct Decoded {
    var pixels: [UInt8]
    /// The files that were decoded.
    var places: [Int]
    var areGrey: Bool
  }

  private func read(
    layout: ImageLayout?, mixedSize: (height: Int, width: Int)?
  ) throws(DataError) -> (Decoded, ImageLayout) {
    if let layout { return (try fitted(to: layout), layout) }
    let first = try firstImage()
    let own = ImageLayout(height: first.height, width: first.width, channels: 3)
    guard let mixedSize, mixedSize != (own.height, own.width) else { return (try fitted(to: own), own) }
    // Photographs as cameras make them may be too large to be kept as they are.
    if own.hasRoom(images: files.count) {
      // Most folders of several sizes show it within a few files, so that little is decoded twice.
      if let decoded = try decode(as: own, onlyOfThatSize: true) { return (decoded, own) }
    }
    let mixed = ImageLayout(height: mixedSize.height, width: mixedSize.width, channels: 3)
    return (try fitted(to: mixed), mixed)
  }

  private func fitted(to target: ImageLayout) throws(DataError) -> Decoded {
    try target.validate()
    try target.checkMemory(images: files.count, path: files.folder)
    guard let decoded = try decode(as: target, onlyOfThatSize: false) else { return try noImage() }
    return decoded.places.isEmpty ? try noImage() : decoded
  }

  private func noImage<R>() throws(DataError) -> R {
    throw DataError(
      .empty, "has no image that can be read; mend the files or the path", path: files.folder)
  }

  private func firstImage() throws(DataError) -> PixelImage {
    for place in 0..<files.count {
      do throws(DataError) {
        return try ImageDecoder.decode(path: files.path(at: place))
      } catch {
        guard let skipped, error.isOfFile else { throw error }
        skipped.add(error, path: files.path(at: place))
      }
    }
    return try noImage()
  }

  /// Decodes all files into one array; of several failures, that of the first file is thrown.
  ///
  /// With `onlyOfThatSize`, it stops at an image of another size, and returns nil.
  private func decode(as layout: ImageLayout, onlyOfThatSize: Bool) throws(DataError) -> Decoded? {
    let size = layout.byteCount
    let outcomes = Outcomes(count: files.count)
    let foundOther = Atomic(false)
    let pixels = [UInt8](unsafeUninitializedCapacity: files.count * size) { output, initialized in
      // Each iteration writes its own image and its own outcome, and nothing else.
      nonisolated(unsafe) let output = output
      DispatchQueue.concurrentPerform(iterations: files.count) { index in
        if foundOther.load(ordering: .relaxed) { return }
        let place = UnsafeMutableBufferPointer(rebasing: output[index * size..<(index + 1) * size])
        do throws(DataError) {
          let image = try ImageDecoder.decode(path: files.path(at: index))
          if onlyOfThatSize, (image.height, image.width) != (layout.height, layout.width) {
            foundOther.store(true, ordering: .relaxed)
            return
          }
          let fitted = try image.fitted(to: layout)
          _ = place.initialize(fromContentsOf: fitted.pixels)
          outcomes.cells[index] = .decoded(isGrey: image.channels == 1)
        } catch {
          place.initialize(repeating: 0)
          if error.isOfFile { skipped?.add(error, path: files.path(at: index)) }
          outcomes.cells[index] = .failed(error)
        }
      }
      initialized = foundOther.load(ordering: .relaxed) ? 0 : files.count * size
    }
    if foundOther.load(ordering: .relaxed) { return nil }
    if let error = outcomes.firstError(exceptOfFiles: skipped != nil) { throw error }
    let places = outcomes.decoded
    guard places.count < files.count else {
      return Decoded(pixels: pixels, places: places, areGrey: outcomes.areGrey)
    }
    return Decoded(
      pixels: places.flatMap { pixels[$0 * size..<($0 + 1) * size] }, places: places,
      areGrey: outcomes.areGrey)
  }

  /// What came of each file; each place is written by one thread and read after all have ended.
  private final class Outcomes: @unchecked Sendable {
    enum Outcome {
      case pending
      case decoded(isGrey: Bool)
      case failed(DataError)
    }

    let cells: UnsafeMutableBufferPointer<Outcome>

    init(count: Int) {
      cells = .allocate(capacity: count)
      cells.initialize(repeating: .pending)
    }

    deinit {
      cells.deinitialize()
      cells.deallocate()
    }

    func firstError(exceptOfFiles: Bool) -> DataError? {
      for case .failed(let error) in cells where !(exceptOfFiles && error.isOfFile) { return error }
      return nil
    }

    var decoded: [Int] {
      cells.indices.filter { if case .decoded = cells[$0] { true } else { false } }
    }

    var areGrey: Bool {
      cells.allSatisfy { if case .decoded(isGrey: false) = $0 { false } else { true } }
    }
  }
}

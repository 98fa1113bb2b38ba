// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// A folder of JPEG and PNG files sorted into classes: `train/CLASS/*.jpg`, and `test/` or `val/` likewise.
///
/// Classes are the folders in `train`, sorted by name. Hidden files and files with other extensions are passed over.
/// Images that all have one size keep it, unless they are to get another or the machine has no room for them; images of several
/// sizes are fitted to one.
struct ImageFolder {
  private static let extensions: Set<String> = ["jpg", "jpeg", "png"]

  /// The folder that has `train` in it.
  let path: String
  /// What all images are fitted to; `nil` leaves images of one size as they are, and takes RGB unless all are grey.
  let layout: ImageLayout?
  /// Without ``layout``, what images of several sizes are fitted to; `nil` takes the size of the first.
  var mixedSize: (height: Int, width: Int)?

  /// Reads and decodes one split, on all cores.
  ///
  /// - Throws: ``DataError``: `.notFound` (folder), `.empty` (class or split without images), `.invalidArgument`
  ///   (splits with different classes; for training, a class that is only in the other), `.tooLarge`, and those of ``ImageDecoder`` with the path of the first image
  ///   that can't be decoded.
  func load(_ split: Split) throws(DataError) -> LabelledImages {
    let folder = try splitFolder(split)
    let classNames = try classes(in: folder)
    switch split {
    case .test: try checkAgreement(classNames, in: folder)
    case .training:
      // A class that is only in the test part can't be learned afterwards; one that is missing there can be added.
      if let test = existingFolder(of: .test), let names = try? classes(in: test) {
        try checkAreKnown(names, in: test, among: classNames)
      }
    }
    var files: [String] = []
    var labels: [Int] = []
    for (label, name) in classNames.enumerated() {
      let classFolder = FileSystem.join(folder, name)
      let images = try FileSystem.names(in: classFolder).filter(Self.isImage)
      if images.isEmpty {
        throw DataError(
          .empty, "has no .jpg, .jpeg or .png file; put images of the class there or remove the folder",
          path: classFolder)
      }
      files += images.map { FileSystem.join(classFolder, $0) }
      labels += images.map { _ in label }
    }
    var (pixels, areGrey, size) = try read(files, in: folder)
    if layout == nil, areGrey {
      pixels = stride(from: 0, to: pixels.count, by: 3).map { pixels[$0] }
      size.channels = 1
    }
    return try LabelledImages(
      name: "folder:\(path)", height: size.height, width: size.width, channels: size.channels, pixels: pixels,
      labels: labels, classNames: classNames, path: folder)
  }

  /// The images of all files, and the layout that they got.
  private func read(
    _ files: [String], in folder: String
  ) throws(DataError) -> (pixels: [UInt8], areGrey: Bool, layout: ImageLayout) {
    func fitted(to target: ImageLayout) throws(DataError) -> ([UInt8], Bool, ImageLayout) {
      try target.validate()
      try target.checkMemory(images: files.count, path: folder)
      let (pixels, areGrey, _) = try Self.decode(files, as: target, onlyOfThatSize: false)
      return (pixels, areGrey, target)
    }
    if let layout { return try fitted(to: layout) }
    let first = try ImageDecoder.decode(path: files[0])
    let own = ImageLayout(height: first.height, width: first.width, channels: 3)
    guard let mixedSize, mixedSize != (own.height, own.width) else { return try fitted(to: own) }
    // Photographs as cameras make them may be too large to be kept as they are.
    if own.hasRoom(images: files.count) {
      // Most folders of several sizes show it within a few files, so that little is decoded twice.
      let (pixels, areGrey, areOfOneSize) = try Self.decode(files, as: own, onlyOfThatSize: true)
      if areOfOneSize { return (pixels, areGrey, own) }
    }
    return try fitted(to: ImageLayout(height: mixedSize.height, width: mixedSize.width, channels: 3))
  }

  private func splitFolder(_ split: Split) throws(DataError) -> String {
    guard FileSystem.kind(of: path) == .folder else {
      throw DataError(.notFound, "is not a folder; give the folder with train/ and test/ in it", path: path)
    }
    if let found = existingFolder(of: split) { return found }
    let wanted = Self.names(of: split).map { "\($0)/" }.joined(separator: " or ")
    throw DataError(
      .notFound, "has no folder \(wanted); put a folder of images for each class there", path: path)
  }

  private static func names(of split: Split) -> [String] { split == .training ? ["train"] : ["test", "val"] }

  private func existingFolder(of split: Split) -> String? {
    Self.names(of: split).map { FileSystem.join(path, $0) }.first { FileSystem.kind(of: $0) == .folder }
  }

  private func classes(in folder: String) throws(DataError) -> [String] {
    let names = try FileSystem.names(in: folder).filter {
      FileSystem.kind(of: FileSystem.join(folder, $0)) == .folder
    }
    if names.isEmpty {
      throw DataError(.empty, "has no folders; make one with images for each class", path: folder)
    }
    return names
  }

  /// Labels are places in the list of classes, so both splits must have the same list.
  private func checkAgreement(_ classNames: [String], in folder: String) throws(DataError) {
    let training = FileSystem.join(path, "train")
    guard FileSystem.kind(of: training) == .folder else { return }
    let expected = try classes(in: training)
    try checkAreKnown(classNames, in: folder, among: expected)
    for name in expected where !classNames.contains(name) {
      throw DataError(
        .invalidArgument, "the class \(name) of \(training) is missing here; add a folder with its images",
        path: folder)
    }
  }

  private func checkAreKnown(
    _ names: [String], in folder: String, among expected: [String]
  ) throws(DataError) {
    for name in names where !expected.contains(name) {
      throw DataError(
        .invalidArgument,
        "the class \(name) is not in \(FileSystem.join(path, "train")); remove it here or add it there",
        path: folder)
    }
  }

  private static func isImage(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return extensions.contains(name[name.index(after: dot)...].lowercased())
  }

  /// Decodes all files into one array; of several failures, that of the first file is thrown.
  ///
  /// With `onlyOfThatSize`, it stops at an image of another size, and returns none.
  private static func decode(
    _ files: [String], as layout: ImageLayout, onlyOfThatSize: Bool
  ) throws(DataError) -> (pixels: [UInt8], areGrey: Bool, areOfThatSize: Bool) {
    let size = layout.byteCount
    let outcomes = Outcomes(count: files.count)
    let foundOther = Atomic(false)
    let pixels = [UInt8](unsafeUninitializedCapacity: files.count * size) { output, initialized in
      // Each iteration writes its own image and its own outcome, and nothing else.
      nonisolated(unsafe) let output = output
      DispatchQueue.concurrentPerform(iterations: files.count) { index in
        if foundOther.load(ordering: .relaxed) { return }
        do throws(DataError) {
          let image = try ImageDecoder.decode(path: files[index])
          if onlyOfThatSize, (image.height, image.width) != (layout.height, layout.width) {
            foundOther.store(true, ordering: .relaxed)
            return
          }
          let fitted = try image.fitted(to: layout)
          _ = UnsafeMutableBufferPointer(rebasing: output[index * size..<(index + 1) * size])
            .initialize(fromContentsOf: fitted.pixels)
          outcomes.cells[index] = .decoded(isGrey: image.channels == 1)
        } catch {
          outcomes.cells[index] = .failed(error)
        }
      }
      initialized =
        outcomes.firstError == nil && !foundOther.load(ordering: .relaxed) ? files.count * size : 0
    }
    if foundOther.load(ordering: .relaxed) { return ([], false, false) }
    if let error = outcomes.firstError { throw error }
    return (pixels, outcomes.areGrey, true)
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

    var firstError: DataError? {
      for case .failed(let error) in cells { return error }
      return nil
    }

    var areGrey: Bool {
      cells.allSatisfy { if case .decoded(isGrey: true) = $0 { true } else { false } }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet

/// Looks through a folder of classes for its images.
struct ImageIndexBuilder {
  private let folder: String
  private let made = FileSystem.now
  private var labels: [UInt32] = []
  private var stamps: [FileSystem.Stamp] = []
  private var nameEnds: [UInt32] = []
  private var names: [UInt8] = []

  /// The index of a folder as it is now; the images are sorted by class and name.
  ///
  /// - Throws: ``DataError``: `.notFound`, `.unreadable` for a folder, `.systemFailure`, `.empty` for a class without images,
  ///   `.tooLarge` for too many images.
  static func index(of folder: String, classes: [String]) throws(DataError) -> ImageIndex {
    var builder = ImageIndexBuilder(folder: folder)
    return try builder.index(classes)
  }

  private init(folder: String) {
    self.folder = folder
  }

  private mutating func index(_ classes: [String]) throws(DataError) -> ImageIndex {
    guard classes.count <= ImageIndex.maximumClasses else {
      throw DataError(
        .tooLarge, "has \(classes.count) classes; \(ImageIndex.maximumClasses) are the most", path: folder)
    }
    var hash = SHA256()
    // Before its content, so that a change meanwhile is noticed the next time.
    var folderTimes = [try FileSystem.stamp(of: folder).modified]
    for (label, name) in classes.enumerated() {
      let path = FileSystem.join(folder, name)
      folderTimes.append(try FileSystem.stamp(of: path).modified)
      hash.update("\(name)\n")
      for image in try ImageFolder.images(in: path) {
        let stamp = try Self.stamp(of: FileSystem.join(path, image))
        hash.update("\(image)/\(stamp.size)\n")
        try add(image, stamp, label: label)
      }
    }
    return ImageIndex(
      folder: folder, made: made, digest: hash.finalize(), classes: classes, folderTimes: folderTimes,
      labels: labels, stamps: stamps, nameEnds: nameEnds, names: names)
  }

  /// Size and time of an image; of a link to nothing, and other files that can't be looked at, what reading them will tell.
  private static func stamp(of path: String) throws(DataError) -> FileSystem.Stamp {
    do throws(DataError) {
      return try FileSystem.stamp(of: path)
    } catch {
      guard error.isOfFile else { throw error }
      return .unknown
    }
  }

  private mutating func add(
    _ name: String, _ stamp: FileSystem.Stamp, label: Int
  ) throws(DataError) {
    names += name.utf8
    guard let end = UInt32(exactly: names.count), labels.count < ImageIndex.maximumCount else {
      throw DataError(
        .tooLarge, "has more than \(ImageIndex.maximumCount) images, or 4 GB of names; leave some out",
        path: folder)
    }
    nameEnds.append(end)
    stamps.append(stamp)
    labels.append(UInt32(label))
  }
}

extension SHA256 {
  fileprivate mutating func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }
}

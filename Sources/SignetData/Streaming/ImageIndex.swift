// SPDX-License-Identifier: Apache-2.0

/// The image files of one part of a folder, with their classes: what a million files are found by, without asking the file system.
///
/// One piece of memory, which is also the content of the index file: 24 bytes and its name for each image. So an index of ImageNet's
/// 1,281,167 training images takes 60 MB.
package struct ImageIndex: Sendable {
  /// Where the parts of ``storage`` begin; the numbers are little-endian.
  struct Layout: Hashable, Sendable {
    let images: Int
    let folders: Int
    let folderNameBytes: Int
    let imageNameBytes: Int

    static let header = 80
    /// Modification time of each folder: the part's own, then those of the classes.
    var folderTimes: Int { Self.header }
    /// Where the name of each class ends.
    var folderNameEnds: Int { folderTimes + 8 * folders }
    var folderNames: Int { folderNameEnds + 4 * (folders - 1) }
    /// Bytes of each image file.
    var sizes: Int { folderNames + folderNameBytes }
    var times: Int { sizes + 8 * images }
    var labels: Int { times + 8 * images }
    /// Where the name of each image ends.
    var nameEnds: Int { labels + 4 * images }
    var names: Int { nameEnds + 4 * images }
    var count: Int { names + imageNameBytes }
  }

  /// The folder whose sub-folders are the classes.
  package let folder: String
  /// When the folder was looked through, in nanoseconds since 1970.
  let made: Int64
  /// SHA-256 of classes, names and sizes: the same for a copy of the images elsewhere.
  package let digest: String
  /// The names of the folders, which are the classes.
  package let classes: [String]
  let layout: Layout
  /// The content of the index file.
  package let storage: [UInt8]
  /// The index file, if there is one.
  var file: String?

  /// How many images there are.
  package var count: Int { layout.images }

  /// The class of an image, an index into ``classes``.
  package func label(at index: Int) -> Int {
    precondition(index >= 0 && index < count, "image \(index) of \(count)")
    return Int(storage.number(at: layout.labels + 4 * index, as: UInt32.self))
  }

  /// Bytes of an image's file when the folder was looked through; -1 if that could not be told.
  package func fileBytes(at index: Int) -> Int64 {
    precondition(index >= 0 && index < count, "image \(index) of \(count)")
    return storage.number(at: layout.sizes + 8 * index, as: Int64.self)
  }

  /// The file of an image.
  package func path(at index: Int) -> String {
    let name = storage.text(ends: layout.nameEnds, bytes: layout.names, at: index)
    return FileSystem.join(FileSystem.join(folder, classes[label(at: index)]), name)
  }

  /// When a folder was changed last, as the index knows it: 0 is the part's own, then come the classes.
  func folderTime(at index: Int) -> Int64 {
    storage.number(at: layout.folderTimes + 8 * index, as: Int64.self)
  }

  /// Refuses a file that has another size than the index says: it was written anew in its place, which no folder's time tells.
  ///
  /// The index file is removed, so that the folder is looked through the next time; if it can't be, the error names it.
  /// - Throws: ``DataError`` with code `.changed`.
  func check(_ stamp: FileSystem.Stamp, at index: Int) throws(DataError) {
    guard stamp.size != fileBytes(at: index) else { return }
    let remaining = file.flatMap { FileSystem.remove($0) ? nil : $0 }
    throw DataError(
      .changed,
      "has \(stamp.size) bytes, and had \(max(0, fileBytes(at: index))) when its folder was looked through; "
        + "if it should be another file now, "
        + (remaining.map { "delete \($0), which can't be removed from here, and " } ?? "")
        + "start the command again", path: path(at: index))
  }

  /// How many files ``isCurrent()`` looks at.
  private static let sampleSize = 1000

  /// Whether the folders have the files that the index knows: a look at each folder, and at some files that lie evenly among all.
  ///
  /// A folder's time changes when a file in it is added, removed or renamed. It is trusted if it lies two seconds before the index, for
  /// file systems may count no finer.
  func isCurrent() -> Bool {
    for index in 0..<layout.folders {
      let path = index == 0 ? folder : FileSystem.join(folder, classes[index - 1])
      guard let stamp = try? FileSystem.stamp(of: path), stamp.modified == folderTime(at: index),
        stamp.modified < made - 2_000_000_000
      else { return false }
    }
    let sample = min(count, Self.sampleSize)
    return (0..<sample).allSatisfy { place in
      let image = place * count / sample
      let stamp = (try? FileSystem.stamp(of: path(at: image))) ?? .unknown
      return stamp.size == fileBytes(at: image)
        && stamp.modified == storage.number(at: layout.times + 8 * image, as: Int64.self)
    }
  }
}

extension [UInt8] {
  /// A little-endian number; the bytes must be there.
  func number<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Number.Type) -> Number {
    withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
  }

  /// The text `index` of a list: `ends` is where the ends of all texts are, `bytes` where the texts themselves are.
  func text(ends: Int, bytes: Int, at index: Int) -> String {
    let start = index == 0 ? 0 : Int(number(at: ends + 4 * (index - 1), as: UInt32.self))
    let end = Int(number(at: ends + 4 * index, as: UInt32.self))
    return String(decoding: self[bytes + start..<bytes + end], as: UTF8.self)
  }
}

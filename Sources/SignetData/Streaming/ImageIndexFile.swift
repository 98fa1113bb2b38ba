// SPDX-License-Identifier: Apache-2.0

import Signet

/// Where the index of a folder is kept: beside the images, or, if that can't be written, in the user's cache.
///
/// An index is never more than a short-cut: one that is missing, damaged or of an older state of the folder is made again, and one that
/// can't be kept is made anew the next time.
package struct ImageIndexFile {
  /// The folder whose sub-folders are the classes.
  let folder: String
  /// Files that may hold its index, in the order in which they are looked at and written.
  package let paths: [String]

  /// - Parameters:
  ///   - root: the data's folder.
  ///   - part: the folder in it whose sub-folders are the classes.
  ///   - cache: the user's folder of caches; `nil` if there is none.
  package init(root: String, part: String, cache: String? = Self.userCache) {
    folder = FileSystem.join(root, part)
    let beside = FileSystem.join(root, ".signet-\(part).index")
    var path = FileSystem.resolved(folder)
    let key = path.withUTF8 { SHA256.hexDigest(of: UnsafeRawBufferPointer($0)) }
    paths = [beside] + (cache.map { ["\($0)/signet/\(key.prefix(32)).index"] } ?? [])
  }

  /// `$XDG_CACHE_HOME`, or `.cache` in the user's home.
  package static var userCache: String? {
    FileSystem.environment("XDG_CACHE_HOME") ?? FileSystem.environment("HOME").map { $0 + "/.cache" }
  }

  /// The index of the folder: one that is kept and current, or a new one, which is kept then.
  ///
  /// - Throws: ``DataError`` if the folder can't be looked through.
  package func index(classes: [String]) throws(DataError) -> ImageIndex {
    if let index = kept(classes: classes) { return index }
    var index = try ImageIndexBuilder.index(of: folder, classes: classes)
    index.file = keep(index)
    return index
  }

  /// An index that is kept, whole and current.
  func kept(classes: [String]) -> ImageIndex? {
    for path in paths {
      guard let bytes = Self.content(of: path),
        var index = ImageIndex(bytes, folder: folder), index.classes == classes, index.isCurrent()
      else { continue }
      index.file = path
      return index
    }
    return nil
  }

  /// The bytes of a file that has the size that an index with its header has: others are not read, whatever their size.
  package static func content(of path: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    guard
      let stamp = try? FileSystem.load(
        path, limit: ImageIndex.maximumFileBytes, first: ImageIndex.Layout.header, into: &bytes),
      let layout = ImageIndex.layout(ofHeader: bytes), layout.count == stamp.size
    else { return nil }
    return try? FileSystem.contents(of: path, limit: layout.count)
  }

  /// Writes an index to the first place that takes it, which is returned.
  private func keep(_ index: ImageIndex) -> String? {
    for (place, path) in paths.enumerated() {
      if place > 0, let slash = path.lastIndex(of: "/") { FileSystem.makeFolders(String(path[..<slash])) }
      if (try? index.storage.withUnsafeBytes({ try AtomicFile.write($0, to: path) })) != nil { return path }
    }
    return nil
  }
}

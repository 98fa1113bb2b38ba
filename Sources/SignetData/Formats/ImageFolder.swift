// SPDX-License-Identifier: Apache-2.0

/// A folder of JPEG and PNG files sorted into classes: `train/CLASS/*.jpg`, and `test/` or `val/` likewise.
///
/// Classes are the folders in `train`, sorted by name. Hidden files and files with other extensions are passed over.
struct ImageFolder {
  private static let extensions: Set<String> = ["jpg", "jpeg", "png"]

  /// The folder that has `train` in it.
  let path: String

  /// The folder of a split.
  ///
  /// - Throws: ``DataError`` with code `.notFound`.
  func folder(of split: Split) throws(DataError) -> String {
    guard FileSystem.kind(of: path) == .folder else {
      throw DataError(.notFound, "is not a folder; give the folder with train/ and test/ in it", path: path)
    }
    if let found = existingFolder(of: split) { return found }
    let wanted = Self.names(of: split).map { "\($0)/" }.joined(separator: " or ")
    throw DataError(
      .notFound, "has no folder \(wanted); put a folder of images for each class there", path: path)
  }

  /// The classes of a split, once the splits are known to agree.
  ///
  /// - Throws: ``DataError``: `.notFound` (folder), `.empty` (no class), `.invalidArgument` (splits with different classes; for
  ///   training, a class that is only in the other).
  func classes(of split: Split) throws(DataError) -> [String] {
    let folder = try folder(of: split)
    let names = try classes(in: folder)
    switch split {
    case .test: try checkAgreement(names, in: folder)
    case .training:
      // A class that is only in the test part can't be learned afterwards; one that is missing there can be added.
      if let test = existingFolder(of: .test), let tested = try? classes(in: test) {
        try checkAreKnown(tested, in: test, among: names)
      }
    }
    return names
  }

  /// The index of a split, kept from one time to the next.
  func index(of split: Split) throws(DataError) -> ImageIndex {
    try indexFile(of: split).index(classes: classes(of: split))
  }

  /// Where the index of a split is kept.
  func indexFile(of split: Split) throws(DataError) -> ImageIndexFile {
    let folder = try folder(of: split)
    let name = folder.split(separator: "/").last.map(String.init) ?? split.rawValue
    return ImageIndexFile(root: path, part: name)
  }

  /// The names of the images of a class, sorted.
  ///
  /// - Throws: ``DataError`` with code `.empty` if there are none.
  static func images(in classFolder: String) throws(DataError) -> [String] {
    let images = try FileSystem.names(in: classFolder).filter(isImage)
    if images.isEmpty {
      throw DataError(
        .empty, "has no .jpg, .jpeg or .png file; put images of the class there or remove the folder",
        path: classFolder)
    }
    return images
  }

  /// Whether a name ends as those of images do.
  static func isImage(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return extensions.contains(name[name.index(after: dot)...].lowercased())
  }

  private static func names(of split: Split) -> [String] { split == .training ? ["train"] : ["test", "val"] }

  private func existingFolder(of split: Split) -> String? {
    Self.names(of: split).map { FileSystem.join(path, $0) }.first { FileSystem.kind(of: $0) == .folder }
  }

  private func classes(in folder: String) throws(DataError) -> [String] {
    // A class that is passed over would move the labels of those behind it.
    var names: [String] = []
    for name in try FileSystem.names(in: folder) {
      if try FileSystem.isFolder(FileSystem.join(folder, name)) { names.append(name) }
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
}

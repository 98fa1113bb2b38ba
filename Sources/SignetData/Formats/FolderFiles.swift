// SPDX-License-Identifier: Apache-2.0

/// The image files of a folder of classes, from its index if there is one, or else from the folder itself.
struct FolderFiles {
  let folder: String
  private let index: ImageIndex?
  private let files: [(path: String, label: Int)]

  /// - Throws: ``DataError`` if the folder can't be looked through, or a class has no images.
  init(folder: String, classes: [String], index: ImageIndex?) throws(DataError) {
    self.folder = folder
    self.index = index
    var files: [(path: String, label: Int)] = []
    if index == nil {
      for (label, name) in classes.enumerated() {
        let classFolder = FileSystem.join(folder, name)
        for image in try ImageFolder.images(in: classFolder) {
          files.append((FileSystem.join(classFolder, image), label))
        }
      }
    }
    self.files = files
  }

  var count: Int { index?.count ?? files.count }

  func path(at place: Int) -> String { index?.path(at: place) ?? files[place].path }

  func label(at place: Int) -> Int { index?.label(at: place) ?? files[place].label }
}

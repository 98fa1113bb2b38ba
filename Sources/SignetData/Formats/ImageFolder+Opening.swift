// SPDX-License-Identifier: Apache-2.0

import Signet

/// Which images of a folder are decoded into memory at once, and which are read as they are needed.
///
/// - A layout that takes the centre of a picture: read as needed.
/// - A network that takes one size only, and pictures of several sizes (of ``sampleSize`` that lie evenly among all): read as needed,
///   with the centre for evaluation, as photographs are used for such networks.
/// - More than ``DataSpec/memoryLimit`` bytes once decoded: read as needed, with the pixels that they would have in memory.
/// - All others: in memory. Images of one size keep it, unless they are to get another; images of several sizes are fitted to one.
extension ImageFolder {
  /// How many images are asked for their size.
  static let sampleSize = 1000

  /// The images of a split.
  ///
  /// `skipped` is where files that can't be read are listed; `nil` if they are an error.
  /// - Throws: ``DataError``, also of the first image that can't be read, if it is read at once.
  func open(
    _ split: Split, fit: ImageFit, skipped: SkippedImages?, memoryLimit: Int
  ) throws(DataError) -> any ImageSource {
    let classNames = try classes(of: split)
    func streamed(_ layout: ImageLayout) throws(DataError) -> StreamedImages {
      try StreamedImages(
        name: "folder:\(path)", index: indexFile(of: split).index(classes: classNames), layout: layout,
        classNames: classNames, skipped: skipped)
    }
    if case .layout(let layout) = fit, layout.resize == .centerCrop { return try streamed(layout) }

    let files = try FolderFiles(
      folder: folder(of: split), classes: classNames,
      index: indexFile(of: split).kept(classes: classNames))
    /// Whether so many images need not be decoded at once.
    func isTooLarge(_ layout: ImageLayout) -> Bool {
      files.count.multipliedReportingOverflow(by: layout.byteCount).overflow
        || files.count * layout.byteCount > memoryLimit
    }
    let decoding = FolderDecoding(files: files, skipped: skipped)
    func loaded(_ layout: ImageLayout?, mixedSize: ImageLayout? = nil) throws(DataError) -> LabelledImages {
      try decoding.load(
        name: "folder:\(path)", classNames: classNames, layout: layout,
        mixedSize: mixedSize.map { ($0.height, $0.width) })
    }
    switch fit {
    case .layout(let layout):
      try layout.validate()
      return isTooLarge(layout) ? try streamed(layout) : try loaded(layout)
    case .network(let required?, _):
      try required.validate()
      if try decoding.sampledSize() == nil {
        var layout = required
        layout.resize = .centerCrop
        return try streamed(layout)
      }
      return isTooLarge(required) ? try streamed(required) : try loaded(required)
    case .network(nil, let usual):
      let first = try decoding.firstSize()
      // In color, since not all are looked at.
      let own = ImageLayout(height: first.height, width: first.width, channels: 3)
      // The files are asked for their size only where one of the two that they may get is too large.
      if let usual, isTooLarge(own) || isTooLarge(usual) {
        let size = try decoding.sampledSize() == nil ? usual : own
        return isTooLarge(size) ? try streamed(size) : try loaded(nil, mixedSize: usual)
      }
      return isTooLarge(own) ? try streamed(own) : try loaded(nil, mixedSize: usual)
    }
  }
}

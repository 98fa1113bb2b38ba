// SPDX-License-Identifier: Apache-2.0

import Signet

/// ImageNet as it is usually unpacked: `train/WNID/*.JPEG` and `val/WNID/*.JPEG`, with the names of the classes beside them if
/// `LOC_synset_mapping.txt` or `synset_words.txt` is there.
///
/// Evaluation scales the shorter side to 8/7 of the input (256 for 224) and takes the centre.
struct ImageNet {
  /// Mean and deviation of the training images' channels, red, green and blue, as they are generally used.
  static let statistics: (mean: [Float], deviation: [Float]) = (
    [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
  )
  /// The input of networks that have none of their own.
  static let usual = ImageLayout(height: 224, width: 224, channels: 3, resize: .centerCrop)
  /// Files with a line for each class, its WordNet number and its names.
  static let nameFiles = ["LOC_synset_mapping.txt", "synset_words.txt"]
  private static let largestNameFile = 1 << 24

  /// The folder with `train` and `val` in it.
  let path: String

  /// The images of a split, read as they are needed.
  ///
  /// - Throws: ``DataError`` as ``ImageFolder`` does, and for validation images that are not sorted into classes.
  func open(_ split: Split, fit: ImageFit, skipped: SkippedImages?) throws(DataError) -> StreamedImages {
    let folder = ImageFolder(path: path)
    if split == .test { try checkIsSorted(folder.folder(of: .test)) }
    let index = try folder.index(of: split)
    var layout: ImageLayout
    switch fit {
    case .layout(let asked): layout = asked
    case .network(let required, let usual):
      layout = required ?? usual ?? Self.usual
      layout.resize = .centerCrop
    }
    return try StreamedImages(
      name: "imagenet:\(path)", index: index, layout: layout, classNames: classNames(of: index.classes),
      known: layout.channels == 3 ? Self.statistics : nil, skipped: skipped)
  }

  /// The validation archive has all images side by side.
  private func checkIsSorted(_ folder: String) throws(DataError) {
    let names = try FileSystem.names(in: folder)
    guard let image = names.first(where: ImageFolder.isImage),
      FileSystem.kind(of: FileSystem.join(folder, image)) == .file
    else { return }
    throw DataError(
      .invalidArgument,
      "has images, such as \(image), beside or instead of a folder for each class; move each into a folder named by the "
        + "WordNet number of its class, as in train/ (LOC_val_solution.csv tells the class of each)",
      path: folder)
  }

  /// What the classes are called; a name that several have gets their number as well, for labels should differ.
  private func classNames(of numbers: [String]) throws(DataError) -> [String] {
    guard
      let file = Self.nameFiles.map({ FileSystem.join(path, $0) }).first(where: {
        FileSystem.kind(of: $0) == .file
      })
    else { return numbers }
    let text = String(
      decoding: try FileSystem.contents(of: file, limit: Self.largestNameFile), as: UTF8.self)
    var names: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      let parts = line.split(maxSplits: 1, whereSeparator: \.isWhitespace)
      if parts.count == 2 { names[String(parts[0])] = String(parts[1]).trimmedOfSpaces }
    }
    var uses: [String: Int] = [:]
    for number in numbers { uses[names[number] ?? number, default: 0] += 1 }
    return numbers.map { number in
      let name = names[number] ?? number
      return uses[name] == 1 ? name : "\(name) (\(number))"
    }
  }
}

extension String {
  fileprivate var trimmedOfSpaces: String {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let end = lastIndex { !$0.isWhitespace }.map(index(after:)) ?? start
    return String(self[start..<end])
  }
}

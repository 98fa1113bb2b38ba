// SPDX-License-Identifier: Apache-2.0

/// A folder with the four IDX files of MNIST or one of its successors, each plain or gzip.
///
/// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`; a dot
/// before `idx`, as some mirrors have it, is the same. Images are `[N, H, W]` or `[N, H, W, C]`, labels `[N]`.
package struct IDXFolder {
  /// The folder.
  let path: String
  /// What the data set is called in messages.
  let name: String
  /// The names of the classes; `nil` makes them "0", "1", … up to the largest label.
  let classNames: [String]?

  /// Whether a folder has the training images of such a data set.
  package static func isPresent(in folder: String) -> Bool {
    find("images", idx: 3, prefix: prefix(of: .training), in: folder) != nil
  }

  /// Reads one split.
  ///
  /// - Throws: ``DataError``: as ``IDX/read(path:)``, `.notFound` with the names looked for, `.countMismatch` naming
  ///   both files, `.labelOutOfRange` with index and label, `.empty`.
  func load(_ split: Split) throws(DataError) -> LabelledImages {
    guard FileSystem.kind(of: path) == .folder else {
      throw DataError(.notFound, "is not a folder; give the folder with the IDX files", path: path)
    }
    let imagePath = try file("images", idx: 3, of: split)
    let labelPath = try file("labels", idx: 1, of: split)
    let (shape, pixels) = try IDX.read(path: imagePath)
    guard shape.count == 3 || shape.count == 4 else {
      throw DataError(
        .wrongFormat,
        "has \(shape.count) dimensions, but images have 3 (count, rows, columns) or 4 (and channels); "
          + "check the file", path: imagePath, byteOffset: 3)
    }
    let labels = try readLabels(labelPath)
    guard shape[0] == labels.count else {
      throw DataError(
        .countMismatch,
        "has \(shape[0]) images, but \(labelPath) has \(labels.count) labels; the two files must belong together",
        path: imagePath, byteOffset: 4)
    }
    if labels.isEmpty {
      throw DataError(.empty, "has no images; choose data with images", path: imagePath, byteOffset: 4)
    }
    let layout = ImageLayout(height: shape[1], width: shape[2], channels: shape.count == 4 ? shape[3] : 1)
    try layout.validate(path: imagePath)
    return try LabelledImages(
      name: name, height: layout.height, width: layout.width, channels: layout.channels, pixels: pixels,
      labels: labels, classNames: try names(for: split, labels: labels), path: labelPath)
  }

  /// The training labels decide, so that both splits have the same classes.
  private func names(for split: Split, labels: [Int]) throws(DataError) -> [String] {
    if let classNames { return classNames }
    var deciding = labels
    if split != .training,
      let training = Self.find("labels", idx: 1, prefix: Self.prefix(of: .training), in: path)
    {
      deciding = try readLabels(training)
    }
    return (0...(deciding.max() ?? 0)).map(String.init)
  }

  private func readLabels(_ path: String) throws(DataError) -> [Int] {
    let (shape, labels) = try IDX.read(path: path)
    guard shape.count == 1 else {
      throw DataError(
        .wrongFormat,
        "has \(shape.count) dimensions, but labels have 1; check that it is not the file of the images",
        path: path, byteOffset: 3)
    }
    return labels.map(Int.init)
  }

  private func file(_ content: String, idx rank: Int, of split: Split) throws(DataError) -> String {
    let prefix = Self.prefix(of: split)
    if let found = Self.find(content, idx: rank, prefix: prefix, in: path) { return found }
    throw DataError(
      .notFound, "has no file \(prefix)-\(content)-idx\(rank)-ubyte, nor with .gz; put the IDX files there",
      path: path)
  }

  private static func find(_ content: String, idx rank: Int, prefix: String, in folder: String) -> String? {
    // Images with channels have four dimensions, and may be named after that.
    let ranks = rank == 3 ? [3, 4] : [rank]
    for rank in ranks {
      for separator in ["-", "."] {
        for suffix in ["", ".gz"] {
          let path = FileSystem.join(folder, "\(prefix)-\(content)\(separator)idx\(rank)-ubyte\(suffix)")
          if FileSystem.kind(of: path) == .file { return path }
        }
      }
    }
    return nil
  }

  private static func prefix(of split: Split) -> String {
    switch split {
    case .training: "train"
    case .test: "t10k"
    }
  }
}

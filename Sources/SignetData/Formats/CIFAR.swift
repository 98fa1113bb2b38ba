// SPDX-License-Identifier: Apache-2.0

/// Reader of the binary versions of CIFAR-10 and CIFAR-100: 32×32 RGB.
///
/// A record is one label byte (CIFAR-100: the coarse label, then the fine one, which is used) and 3 × 1024 bytes, one
/// colour plane after another.
/// - Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
struct CIFAR {
  /// Which of the two data sets.
  enum Variant {
    case cifar10
    case cifar100
  }

  private static let side = 32
  private static let planeBytes = side * side

  /// The folder with the binary files, or the one that their archive unpacks to.
  let path: String
  /// Which of the two data sets.
  let variant: Variant

  /// Reads one split.
  ///
  /// - Throws: ``DataError``: `.notFound`, `.truncated` if a file is not a number of whole records, `.empty`,
  ///   `.labelOutOfRange` with index and label.
  func load(_ split: Split) throws(DataError) -> LabelledImages {
    let folder = try binaryFolder()
    let files: [String]
    switch (variant, split) {
    case (.cifar10, .training): files = (1...5).map { "data_batch_\($0).bin" }
    case (.cifar10, .test): files = ["test_batch.bin"]
    case (.cifar100, .training): files = ["train.bin"]
    case (.cifar100, .test): files = ["test.bin"]
    }
    var pixels: [UInt8] = []
    var labels: [Int] = []
    for file in files {
      try append(FileSystem.join(folder, file), pixels: &pixels, labels: &labels)
    }
    return try LabelledImages(
      name: variant == .cifar10 ? "cifar10" : "cifar100", height: Self.side, width: Self.side, channels: 3,
      pixels: pixels, labels: labels, classNames: try classNames(in: folder), path: folder)
  }

  private func append(_ path: String, pixels: inout [UInt8], labels: inout [Int]) throws(DataError) {
    let bytes = try FileSystem.contents(of: path, limit: 1 << 30)
    let labelBytes = variant == .cifar10 ? 1 : 2
    let record = labelBytes + 3 * Self.planeBytes
    if bytes.isEmpty { throw DataError(.empty, "is empty; download the data again", path: path) }
    guard bytes.count.isMultiple(of: record) else {
      throw DataError(
        .truncated,
        "has \(bytes.count) bytes, which are not whole records of \(record); download the data again, "
          + "in its binary version", path: path, byteOffset: bytes.count - bytes.count % record)
    }
    let count = bytes.count / record
    let classes = variant == .cifar10 ? 10 : 100
    if let image = (0..<count).first(where: { bytes[$0 * record + labelBytes - 1] >= classes }) {
      let place = image * record + labelBytes - 1
      throw DataError(
        .labelOutOfRange,
        "label \(bytes[place]) of image \(image) is not one of the \(classes) classes 0…\(classes - 1); "
          + "the file is damaged or of other data", path: path, byteOffset: place)
    }
    let interleaved = [UInt8](unsafeUninitializedCapacity: count * 3 * Self.planeBytes) {
      output, initialized in
      bytes.withUnsafeBufferPointer { input in
        for image in 0..<count {
          let planes = image * record + labelBytes
          for pixel in 0..<Self.planeBytes {
            for channel in 0..<3 {
              output[(image * Self.planeBytes + pixel) * 3 + channel] =
                input[planes + channel * Self.planeBytes + pixel]
            }
          }
        }
      }
      initialized = count * 3 * Self.planeBytes
    }
    pixels.append(contentsOf: interleaved)
    labels.append(contentsOf: (0..<count).map { Int(bytes[$0 * record + labelBytes - 1]) })
  }

  private func binaryFolder() throws(DataError) -> String {
    let marker = variant == .cifar10 ? "test_batch.bin" : "test.bin"
    let archive = variant == .cifar10 ? "cifar-10-batches-bin" : "cifar-100-binary"
    for folder in [path, FileSystem.join(path, archive)]
    where FileSystem.kind(of: FileSystem.join(folder, marker)) == .file {
      return folder
    }
    throw DataError(
      .notFound, "has no \(marker), nor has \(archive) in it; give the folder of the binary version",
      path: path)
  }

  /// The names from the file that comes with the data, or "0", "1", … without it.
  private func classNames(in folder: String) throws(DataError) -> [String] {
    let count = variant == .cifar10 ? 10 : 100
    let path = FileSystem.join(folder, variant == .cifar10 ? "batches.meta.txt" : "fine_label_names.txt")
    guard FileSystem.kind(of: path) == .file else { return (0..<count).map(String.init) }
    let text = String(decoding: try FileSystem.contents(of: path, limit: 1 << 20), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    guard names.count == count else {
      throw DataError(
        .damaged,
        "has \(names.count) class names instead of \(count); download the data again or remove the file",
        path: path)
    }
    return names
  }
}

// SPDX-License-Identifier: Apache-2.0

/// The part of a data set that is asked for.
package enum Split: String, CaseIterable, Codable, Hashable, Sendable {
  /// What a network learns from; validation images are held out of it.
  case training
  /// What only the final figure is measured on.
  case test
}

/// Where data comes from, as written on the command line: `fashion-mnist`, `idx:DIR`, `cifar10:DIR`, and so on.
package struct DataSpec: Hashable, Sendable, CustomStringConvertible {
  /// The formats that can be named.
  package enum Kind: String, CaseIterable, Codable, Hashable, Sendable {
    /// Fashion-MNIST, found where the Debian package puts it, or under a given root.
    case fashionMNIST = "fashion-mnist"
    /// A folder of IDX files.
    case idx
    /// The binary version of CIFAR-10.
    case cifar10
    /// The binary version of CIFAR-100, fine labels.
    case cifar100
    /// A folder of JPEG and PNG files, one folder a class.
    case folder
    /// ImageNet's training and validation images, one folder a class.
    case imagenet
  }

  /// Where Debian's package `dataset-fashion-mnist` puts its files.
  package static let systemFashionMNIST = "/usr/share/datasets/fashion-mnist"

  /// The ten classes of Fashion-MNIST.
  ///
  /// - Source: H. Xiao, K. Rasul, R. Vollgraf 2017, arXiv:1708.07747.
  package static let fashionMNISTClasses = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]

  /// The format.
  package let kind: Kind
  /// The folder after the colon; empty for `fashion-mnist`.
  package let folder: String

  /// The specification as it is written on the command line.
  package var description: String {
    kind == .fashionMNIST ? kind.rawValue : "\(kind.rawValue):\(folder)"
  }

  /// Parses a specification.
  ///
  /// - Throws: ``DataError`` with code `.invalidSpecification` that lists the forms.
  package init(parsing text: String) throws(DataError) {
    let colon = text.firstIndex(of: ":")
    let name = colon.map { text[..<$0] } ?? text[...]
    let folder = colon.map { String(text[text.index(after: $0)...]) }
    let forms = "fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR or imagenet:DIR"
    guard let kind = Kind(rawValue: String(name)) else {
      throw DataError(.invalidSpecification, "`\(text)` is not a known kind of data; use \(forms)")
    }
    if kind == .fashionMNIST {
      guard folder == nil else {
        throw DataError(
          .invalidSpecification,
          "`\(text)`: fashion-mnist takes no folder; use --data-root DIR or idx:DIR for files elsewhere")
      }
    } else if folder?.isEmpty ?? true {
      throw DataError(.invalidSpecification, "`\(text)` names no folder; use \(kind.rawValue):DIR")
    }
    self.kind = kind
    self.folder = folder ?? ""
  }

  /// Why `--data-root` can't be given with this data; `nil` where it can.
  package var objectionToRoot: String? {
    kind == .fashionMNIST
      ? nil
      : "--data-root goes with fashion-mnist; \(kind.rawValue):DIR names its folder itself: leave --data-root out"
  }

  /// The most bytes of decoded pictures that are kept in memory; larger folders are read as they are needed.
  package static let memoryLimit = 2 << 30

  /// Opens one split: in memory, or, for photographs, to be read as they are needed.
  ///
  /// - Parameters:
  ///   - split: training or test data.
  ///   - root: the folder under which `fashion-mnist` is looked for first.
  ///   - fit: the size that the images get; a network's wishes count for pictures only, other images keep their size.
  ///   - skipped: where picture files that can't be read are listed; `nil` if they are an error.
  ///   - memoryLimit: the most bytes of decoded pictures that are kept in memory.
  /// - Returns: the images of the split, never none.
  /// - Throws: ``DataError`` that names the file or folder at fault.
  package func open(
    split: Split, root: String? = nil, fit: ImageFit = .network(), skipped: SkippedImages? = nil,
    memoryLimit: Int = DataSpec.memoryLimit
  ) throws(DataError) -> any ImageSource {
    if let objection = skipped.flatMap({ _ in objectionToSkipping }) {
      throw DataError(.invalidArgument, objection)
    }
    try check(root: root)
    let images: LabelledImages
    switch kind {
    case .folder:
      return try ImageFolder(path: folder).open(split, fit: fit, skipped: skipped, memoryLimit: memoryLimit)
    case .imagenet:
      return try ImageNet(path: folder).open(split, fit: fit, skipped: skipped)
    case .fashionMNIST:
      let found = try Self.locateFashionMNIST(root: root, system: Self.systemFashionMNIST)
      images = try IDXFolder(path: found, name: kind.rawValue, classNames: Self.fashionMNISTClasses).load(
        split)
    case .idx:
      images = try IDXFolder(path: folder, name: description, classNames: nil).load(split)
    case .cifar10:
      images = try CIFAR(path: folder, variant: .cifar10).load(split)
    case .cifar100:
      images = try CIFAR(path: folder, variant: .cifar100).load(split)
    }
    guard case .layout(let layout) = fit else { return images }
    return try images.fitted(to: layout)
  }

  /// Why `--skip-unreadable` can't be given with this data; `nil` where it can.
  package var objectionToSkipping: String? {
    kind == .folder || kind == .imagenet
      ? nil
      : "--skip-unreadable goes with folder:DIR and imagenet:DIR, whose images are files; leave it out"
  }

  /// Looks at the folder that `--data-root` names, if it is given.
  private func check(root: String?) throws(DataError) {
    if root != nil, let objection = objectionToRoot { throw DataError(.invalidArgument, objection) }
    if let root, FileSystem.kind(of: root) != .folder {
      throw DataError(
        .notFound, "--data-root is not a folder; give one that is there, or leave it out", path: root)
    }
  }

  /// The first of `root`/fashion-mnist, `root` and the system's folder that has the data.
  package static func locateFashionMNIST(root: String?, system: String) throws(DataError) -> String {
    let candidates = (root.map { [FileSystem.join($0, Kind.fashionMNIST.rawValue), $0] } ?? []) + [system]
    if let found = candidates.first(where: IDXFolder.isPresent) { return found }
    throw DataError(
      .notFound,
      "Fashion-MNIST is not in \(candidates.joined(separator: ", ")); install it with "
        + "`apt-get install dataset-fashion-mnist`, or name the folder that has its IDX files with --data-root"
    )
  }
}

// SPDX-License-Identifier: Apache-2.0

/// An augmentation as it is written on the command line and in a run's configuration.
extension Augmentation: CustomStringConvertible {
  /// The border of the usual crop, in pixels.
  package static let usualPadding = 4

  /// The forms that are understood, for help and messages.
  package static let forms =
    "none, flip, crop, crop-flip (crops of the picture with a border of \(usualPadding) black pixels), or crop:N and crop-flip:N"

  /// `none`, `flip`, `crop`, `crop-flip`; with `:N` where the border is not the usual one.
  package var description: String {
    if padding == 0 { return flip ? "flip" : "none" }
    let border = padding == Self.usualPadding ? "" : ":\(padding)"
    return (flip ? "crop-flip" : "crop") + border
  }

  /// Parses one of the forms.
  ///
  /// - Throws: ``DataError`` with code `.invalidSpecification` that lists the forms.
  package init(parsing text: String) throws(DataError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let border = parts.count == 1 ? Self.usualPadding : Int(parts[1]) ?? 0
    let isPossible = (1...ImageLayout.maximumSide).contains(border)
    switch (parts[0], parts.count) {
    case ("none", 1): self.init()
    case ("flip", 1): self.init(flip: true)
    case ("crop", _) where isPossible: self.init(padding: border)
    case ("crop-flip", _) where isPossible: self.init(padding: border, flip: true)
    default:
      throw DataError(
        .invalidSpecification,
        "`\(text)` is not a known augmentation; use \(Self.forms), N from 1 to \(ImageLayout.maximumSide)")
    }
  }
}

extension DataSpec {
  /// What is done with training images if nothing else is asked for.
  ///
  /// Pictures, which CIFAR's are and a folder's as a rule, are cropped and mirrored. So is nothing from IDX files: their digits
  /// and letters have a left and a right, and Fashion-MNIST's things fill their square. The border is the usual one, or a
  /// quarter of the shorter side of images below 16 pixels.
  package func usualAugmentation(of layout: ImageLayout) -> Augmentation {
    switch kind {
    case .cifar10, .cifar100, .folder, .imagenet:
      let side = min(layout.height, layout.width)
      return Augmentation(padding: min(Augmentation.usualPadding, side / 4), flip: true)
    case .idx, .fashionMNIST: return Augmentation()
    }
  }
}

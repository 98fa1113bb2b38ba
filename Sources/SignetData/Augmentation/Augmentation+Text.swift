// SPDX-License-Identifier: Apache-2.0

import Signet

/// An augmentation as it is written on the command line and in a run's configuration.
extension Augmentation: CustomStringConvertible {
  /// The border of the usual crop, in pixels.
  package static let usualPadding = 4

  /// The forms that are understood, for help and messages.
  package static let forms =
    "none, flip, crop, crop-flip (crops of the picture with a border of \(usualPadding) black pixels), crop:N, crop-flip:N, resized-crop, resized-crop-flip (parts of 8–100 % of the picture)"

  /// `none`, `flip`, `crop`, `crop-flip`, `resized-crop`, `resized-crop-flip`; with `:N` where the border is not the usual one.
  package var description: String {
    if crop == .resized { return flip ? "resized-crop-flip" : "resized-crop" }
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
    let isPossible = (1...ImageLimits.side).contains(border)
    switch (parts[0], parts.count) {
    case ("none", 1): self.init()
    case ("flip", 1): self.init(flip: true)
    case ("resized-crop", 1): self.init(crop: .resized, flip: false)
    case ("resized-crop-flip", 1): self.init(crop: .resized, flip: true)
    case ("crop", _) where isPossible: self.init(padding: border)
    case ("crop-flip", _) where isPossible: self.init(padding: border, flip: true)
    default:
      throw DataError(
        .invalidSpecification,
        "`\(text)` is not a known augmentation; use \(Self.forms), N from 1 to \(ImageLimits.side)")
    }
  }
}

extension DataSpec {
  /// What is done with training images if nothing else is asked for.
  ///
  /// Pictures, which CIFAR's are and a folder's as a rule, are cropped and mirrored. So is nothing from IDX files: their digits
  /// and letters have a left and a right, and Fashion-MNIST's things fill their square. The border is the usual one, or a
  /// quarter of the shorter side of images below 16 pixels. Photographs of any size, which are evaluated on their centre, are
  /// trained on parts of any size.
  package func usualAugmentation(of layout: ImageLayout) -> Augmentation {
    if layout.resize == .centerCrop { return Augmentation(crop: .resized, flip: true) }
    switch kind {
    case .cifar10, .cifar100, .folder, .imagenet:
      let side = min(layout.height, layout.width)
      return Augmentation(padding: min(Augmentation.usualPadding, side / 4), flip: true)
    case .idx, .fashionMNIST: return Augmentation()
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

extension CompactModel {
  /// The size of the images that the model takes; see ``preprocessing`` for their values.
  public var inputShape: FeatureShape { program.input }
  /// Logits of an image; ``classNames`` has as many entries, or none.
  public var classCount: Int { program.outputs }
}

// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// AlexNet, for 224×224 images: 61 million weights with 1000 classes.
  ///
  /// - Source: Krizhevsky, Sutskever, Hinton 2012, with its two groups; response normalisation is left to BatchNorm.
  package static let alexNet = NetworkDescription(
    name: "alexnet", input: [224, 224, 3],
    layers: [
      .convolution("conv1", 96, kernel: 11, stride: 4, padding: 2),
      .maxPool(3, stride: 2),
      .convolution("conv2", 256, kernel: 5, padding: 2, groups: 2),
      .maxPool(3, stride: 2),
      .convolution("conv3", 384, kernel: 3, padding: 1),
      .convolution("conv4", 384, kernel: 3, padding: 1, groups: 2),
      .convolution("conv5", 256, kernel: 3, padding: 1, groups: 2),
      .maxPool(3, stride: 2),
      .dense("fc6", 4096),
      .dense("fc7", 4096),
      .dense("fc8", nil),
    ])
}

// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// The convolutional network that binary networks are compared by, for images of 32×32: 14 million weights with 10 classes.
  ///
  /// - Source: Courbariaux, Hubara, Soudry, El-Yaniv, Bengio 2016, arXiv:1602.02830, the network for CIFAR-10, after VGG.
  package static let vggSmall = NetworkDescription(
    name: "vgg-small",
    layers: [
      .convolution("conv1", 128, kernel: 3, padding: 1),
      .convolution("conv2", 128, kernel: 3, padding: 1),
      .maxPool(2, stride: 2),
      .convolution("conv3", 256, kernel: 3, padding: 1),
      .convolution("conv4", 256, kernel: 3, padding: 1),
      .maxPool(2, stride: 2),
      .convolution("conv5", 512, kernel: 3, padding: 1),
      .convolution("conv6", 512, kernel: 3, padding: 1),
      .maxPool(2, stride: 2),
      .dense("fc1", 1024),
      .dense("fc2", 1024),
      .dense("fc3", nil),
    ])
}

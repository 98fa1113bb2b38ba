// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// Network in network, for 224×224 images: 7.59 million weights with 1000 classes.
  ///
  /// - Source: Lin, Chen, Yan 2014, arXiv:1312.4400; sizes as in Tang, Hua, Wang 2017. Pools round up.
  package static let nin = NetworkDescription(
    name: "nin", input: [224, 224, 3],
    layers: [
      .convolution("conv1", 96, kernel: 11, stride: 4),
      .convolution("cccp1", 96, kernel: 1),
      .convolution("cccp2", 96, kernel: 1),
      .maxPool(3, stride: 2),
      .convolution("conv2", 256, kernel: 5, padding: 2),
      .convolution("cccp3", 256, kernel: 1),
      .convolution("cccp4", 256, kernel: 1),
      .maxPool(3, stride: 2),
      .convolution("conv3", 384, kernel: 3, padding: 1),
      .convolution("cccp5", 384, kernel: 1),
      .convolution("cccp6", 384, kernel: 1),
      .maxPool(3, stride: 2),
      .convolution("conv4", 1024, kernel: 3, padding: 1),
      .convolution("cccp7", 1024, kernel: 1),
      .convolution("cccp8", nil, kernel: 1),
      .averagePool,
    ])
}

// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// Network in network for images of 32×32: 966 thousand weights with 10 classes.
  ///
  /// - Source: Lin, Chen, Yan 2014, arXiv:1312.4400, the network for CIFAR-10. Both pools take the maximum and round up; dropout is
  ///   left out.
  package static let ninCifar = NetworkDescription(
    name: "nin-cifar",
    layers: [
      .convolution("conv1", 192, kernel: 5, padding: 2),
      .convolution("cccp1", 160, kernel: 1),
      .convolution("cccp2", 96, kernel: 1),
      .maxPool(3, stride: 2),
      .convolution("conv2", 192, kernel: 5, padding: 2),
      .convolution("cccp3", 192, kernel: 1),
      .convolution("cccp4", 192, kernel: 1),
      .maxPool(3, stride: 2),
      .convolution("conv3", 192, kernel: 3, padding: 1),
      .convolution("cccp5", 192, kernel: 1),
      .convolution("cccp6", nil, kernel: 1),
      .averagePool,
    ])
}

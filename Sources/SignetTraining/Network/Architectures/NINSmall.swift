// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// A small network in network for images of 28×28 or 32×32: the demo's.
  package static let ninSmall = NetworkDescription(
    name: "nin-small",
    layers: [
      .convolution("conv1", 48, kernel: 5, stride: 2, padding: 2),
      .convolution("cccp1", 64, kernel: 1),
      .convolution("conv2", 96, kernel: 3, padding: 1),
      .maxPool(3, stride: 2),
      .convolution("conv3", 128, kernel: 3, padding: 1),
      .convolution("cccp3", 128, kernel: 1),
      .convolution("cccp4", nil, kernel: 1),
      .averagePool,
    ])
}

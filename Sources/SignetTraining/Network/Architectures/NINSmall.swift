// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// A small network in network for images of 28×28 or 32×32: the demo's, 221 thousand weights.
  ///
  /// Most weights work on 7×7 and 3×3 pixels, where one costs little time; the first layer strides for the same reason.
  package static let ninSmall = NetworkDescription(
    name: "nin-small",
    layers: [
      .convolution("conv1", 32, kernel: 5, stride: 2, padding: 2),
      .convolution("conv2", 64, kernel: 3, padding: 1),
      .maxPool(3, stride: 2),
      .convolution("conv3", 128, kernel: 3, padding: 1),
      .convolution("cccp3", 128, kernel: 1),
      .maxPool(3, stride: 2),
      .convolution("conv4", 96, kernel: 3, padding: 1),
      .convolution("cccp4", nil, kernel: 1),
      .averagePool,
    ])
}

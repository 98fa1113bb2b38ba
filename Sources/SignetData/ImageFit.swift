// SPDX-License-Identifier: Apache-2.0

/// How the size of a data set's images is decided.
package enum ImageFit: Hashable, Sendable {
  /// They get this one: what a model or a stored run asks for.
  case layout(ImageLayout)
  /// The data decides, for a new network: `required` is the only input that it takes, `usual` what images of several sizes get if
  /// it takes any. Both stretch; what becomes of photographs of several sizes is the data's own choice.
  case network(required: ImageLayout? = nil, usual: ImageLayout? = nil)
}

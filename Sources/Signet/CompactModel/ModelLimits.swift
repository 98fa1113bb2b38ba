// SPDX-License-Identifier: Apache-2.0

/// The largest sizes that a compact model may ask for, so that a damaged or hostile file can't exhaust a machine.
///
/// They are far above any network that the project's formats are meant for, and low enough that no product of
/// checked sizes overflows.
enum ModelLimits {
  /// Operators of a model.
  static let operators = 4096
  /// Rows or columns of an image, and channels of a pixel.
  static let axis = 1 << 16
  static let channels = 1 << 20
  /// Values of one image between two operators.
  static let values = 1 << 26
  /// Pixels of a window.
  static let taps = 1 << 20
  /// Classes of output pixels that see the same taps inside the image.
  static let borderClasses = 1 << 14
  /// Bytes of an image within the border that a convolution of bytes reads.
  static let paddedBytes = 1 << 27
  /// Additions that the border corrections of a convolution take at load.
  static let borderWork = 1 << 32
  /// Bytes that weights and tables may need in the worst of their layouts.
  static let footprint = 1 << 33
  /// Bytes that a group of a convolution takes beside its weights: its tables are allocated one by one.
  private static let perGroup = 1024

  /// What is wrong with a shape, or nil.
  static func problem(with shape: FeatureShape) -> String? {
    guard shape.height <= axis, shape.width <= axis, shape.channels <= channels,
      shape.pixels <= values, shape.count <= values
    else { return "activations of \(shape) exceed the limit of \(values) values" }
    return nil
  }

  /// Bytes that an operation's tensors and tables may need in memory, whatever layout the next operator wants.
  ///
  /// `nodes` are those before it. A half word of output bits is 16 lanes; a group of one channel fills two of them,
  /// in the convolution or in the one that reads its bits: 32 lanes a channel at most.
  static func footprint(
    of operation: Program.Operation, input: FeatureShape, output: FeatureShape, behind nodes: [Program.Node]
  ) -> Int {
    switch operation {
    case .convolution(let window, let groups, let weight, _):
      let lanes = (output.channels / groups + 15) / 16 * 16 * groups
      return 4 * (weight.count + lanes * (window.taps * (input.channels / groups) + 2)) + groups * perGroup
    case .pixelConvolution(let window, _, let weight):
      // A group's filters get weights of 0 for the other groups' channels.
      let quads = (window.kernelWidth * input.channels + 3) / 4
      return weight.count + 32 * output.channels * (window.kernelHeight * quads * 4 + 32)
    case .binaryConvolution(let window, let groups, let bits):
      // Weights by the word, and what each border adds to a sum.
      let words = window.taps * ((input.channels / groups + 31) / 32)
      return 4 * (bits.count + 32 * output.channels * (words + borderClasses(of: window)))
        + groups * perGroup
    case .binarize(let betas):
      return levelTable(levels: 1 << betas.count - 1, channels: output.channels, behind: nodes)
    case .threshold:
      return levelTable(levels: 1, channels: output.channels, behind: nodes)
    default:
      return 16 * output.channels
    }
  }

  /// Bytes of the level intervals that bits behind the last of `nodes` are decided by, for each of its borders.
  ///
  /// Two integers a lane, level and border class; intervals of a single level may be held in 16 bits as well.
  private static func levelTable(levels: Int, channels: Int, behind nodes: [Program.Node]) -> Int {
    var classes = 1
    if case .binaryConvolution(let window, _, _)? = nodes.last(where: \.isConvolution)?.operation {
      classes = borderClasses(of: window)
    }
    return (levels == 1 ? 12 : 8) * levels * 32 * channels * classes
  }

  /// An upper bound on the border classes of a window that lies in the padded image: along an axis, each row of
  /// padding cuts taps off at most once on either side.
  static func borderClasses(of window: Window) -> Int {
    min(window.outHeight, 2 * window.padTop + 1) * min(window.outWidth, 2 * window.padLeft + 1)
  }
}

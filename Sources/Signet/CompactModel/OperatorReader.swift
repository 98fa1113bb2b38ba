// SPDX-License-Identifier: Apache-2.0

/// Reads one operator of a file: its sizes checked against what flows in, its tensors against its sizes.
struct OperatorReader {
  let entry: Operator
  let tensors: TensorArchive
  let input: Program.Flow
  /// The operation before this one.
  let previous: Program.Operation?

  private var shape: FeatureShape { input.shape }

  private func failure(_ text: String) -> ModelFormatError {
    ModelFormatError(
      .badMetadata, "operator “\(entry.name)” (\(entry.op.rawValue)): \(text); export the model again",
      path: tensors.path)
  }

  func read() throws -> (Program.Operation, Program.Flow) {
    switch entry.op {
    case .convolution: return try convolution()
    case .pixelConvolution: return try pixelConvolution()
    case .binaryConvolution: return try binaryConvolution()
    case .binaryWeightConvolution: return try binaryWeightConvolution()
    case .prelu, .relu:
      try requireReals()
      let slope =
        entry.op == .relu
        ? Array(repeating: Float(0), count: shape.channels) : try finite("slope", [shape.channels])
      return (.activation(slope: slope), reals(shape))
    case .maxPool: return try maxPool()
    case .averagePool:
      try requireReals()
      return (.averagePool, reals(FeatureShape(height: 1, width: 1, channels: shape.channels)))
    case .affine:
      try requireReals()
      return (
        .affine(
          scale: try finite("scale", [shape.channels]), shift: try finite("shift", [shape.channels])),
        reals(shape)
      )
    case .binarize: return try binarize()
    case .threshold: return try threshold()
    case .scale:
      try requireReals()
      return (.scale(try finite("factor", [1])[0]), reals(shape))
    case .channelScale:
      try requireReals()
      return (.channelScale(try finite("factor", [shape.channels])), reals(shape))
    }
  }

  private func reals(_ shape: FeatureShape) -> Program.Flow { .reals(shape, unit: nil, bound: 0) }

  private func requireReals() throws {
    guard case .reals = input else { throw failure("it reads reals, but \(flowing) flow in") }
  }

  private var flowing: String {
    switch input {
    case .reals: "reals"
    case .codes: "bits"
    case .pixels: "bytes"
    }
  }

  private func finite(_ part: String, _ shape: [Int]) throws -> [Float] {
    let values = try tensors.floats("\(entry.name).\(part)", shape: shape)
    guard values.allSatisfy(\.isFinite) else {
      throw failure("tensor “\(part)” holds a value that is not finite")
    }
    return values
  }

  private func window(rounding: Window.Rounding) throws -> Window {
    func pair(_ values: [Int]?, _ fallback: Int, _ what: String) throws -> (Int, Int) {
      guard let values else { return (fallback, fallback) }
      guard values.count == 2 else { throw failure("“\(what)” must have two numbers") }
      return (values[0], values[1])
    }
    guard entry.kernel != nil else { throw failure("“kernel” is missing") }
    let kernel = try pair(entry.kernel, 1, "kernel")
    guard
      let window = Window(
        input: shape, kernel: kernel, stride: try pair(entry.stride, 1, "stride"),
        padding: try pair(entry.padding, 0, "padding"), rounding: rounding)
    else { throw failure("a \(kernel.0)×\(kernel.1) window does not fit an input of \(shape)") }
    guard window.taps <= ModelLimits.taps else {
      throw failure("a window of \(window.taps) pixels exceeds the limit of \(ModelLimits.taps)")
    }
    return window
  }

  private func convolutionSizes() throws -> (window: Window, filters: Int, groups: Int, output: FeatureShape)
  {
    let window = try window(rounding: .down)
    let groups = entry.groups ?? 1
    guard let filters = entry.filters, (1...ModelLimits.channels).contains(filters) else {
      throw failure("“filters” must be in 1…\(ModelLimits.channels)")
    }
    guard groups > 0, shape.channels % groups == 0, filters % groups == 0 else {
      throw failure("\(groups) groups do not divide \(shape.channels) channels and \(filters) filters")
    }
    return (
      window, filters, groups,
      FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
    )
  }

  private func convolution() throws -> (Program.Operation, Program.Flow) {
    try requireReals()
    let (window, filters, groups, output) = try convolutionSizes()
    let weight = try finite(
      "weight", [filters, window.kernelHeight, window.kernelWidth, shape.channels / groups])
    return (
      .convolution(window, groups: groups, weight: weight, bias: try finite("bias", [filters])), reals(output)
    )
  }

  private func pixelConvolution() throws -> (Program.Operation, Program.Flow) {
    guard case .pixels(_, let zero) = input else {
      throw failure("it reads the bytes of an image whose preprocessing has a “zero”, but \(flowing) flow in")
    }
    let (window, filters, groups, output) = try convolutionSizes()
    let (depth, overflow) = window.taps.multipliedReportingOverflow(by: shape.channels / groups)
    guard !overflow, depth < 1 << 24 else { throw failure("\(window.taps) pixels of a window are too many") }
    let padded = window.paddedHeight * window.paddedWidth * shape.channels
    guard padded <= ModelLimits.paddedBytes else {
      throw failure(
        "an image with its padding is \(padded) bytes, above the limit of \(ModelLimits.paddedBytes)")
    }
    let weight = try tensors.int8s(
      "\(entry.name).weight",
      shape: [filters, window.kernelHeight, window.kernelWidth, shape.channels / groups])
    guard !weight.contains(.min) else { throw failure("tensor “weight” holds −128; weights are −127…127") }
    // The largest sum that any image can give, filter by filter.
    let reach = zero.map { Int(max($0, 255 - $0)) }
    for filter in 0..<filters {
      let first = filter / (filters / groups) * (shape.channels / groups)
      var sum = 0
      for k in 0..<depth {
        sum += Int(weight[filter * depth + k].magnitude) * reach[first + k % (shape.channels / groups)]
      }
      guard sum <= PixelWeights.exactSums else {
        throw failure("the sums of filter \(filter) reach \(sum), past 2²⁴")
      }
    }
    return (
      .pixelConvolution(window, groups: groups, weight: weight),
      .reals(output, unit: 1, bound: PixelWeights.bound(depth: depth))
    )
  }

  private func binaryConvolution() throws -> (Program.Operation, Program.Flow) {
    guard case .codes(_, let planeWeights, let unit, let isUnipolar) = input else {
      throw failure("it reads bits, but \(flowing) flow in")
    }
    let (window, filters, groups, output) = try convolutionSizes()
    let (depth, overflow) = window.taps.multipliedReportingOverflow(by: shape.channels / groups)
    let sum = planeWeights.reduce(0) { $0 + Int($1) } * (isUnipolar ? 2 : 1)
    // Accumulators must be exact as floats.
    guard !overflow, depth < 1 << 24, depth * sum < 1 << 24 else {
      throw failure("\(depth) products of weight \(sum) exceed 2²⁴")
    }
    let classes = ModelLimits.borderClasses(of: window)
    guard classes <= ModelLimits.borderClasses,
      classes * window.taps * filters <= ModelLimits.borderWork / 32
    else { throw failure("a padding of \(window.padTop)×\(window.padLeft) is too large") }
    let bits = try tensors.words("\(entry.name).weight", shape: [(filters * depth + 31) / 32])
    return (
      .binaryConvolution(window, groups: groups, bits: bits),
      .reals(output, unit: unit, bound: Int32(depth * sum))
    )
  }

  /// Bits of weights on reals, spelled out; `magnitude` is that of each filter's weights, or of all.
  private func binaryWeightConvolution() throws -> (Program.Operation, Program.Flow) {
    try requireReals()
    let (window, filters, groups, output) = try convolutionSizes()
    let (depth, overflow) = window.taps.multipliedReportingOverflow(by: shape.channels / groups)
    guard !overflow, depth < 1 << 24 else { throw failure("\(window.taps) pixels of a window are too many") }
    let bits = try tensors.words("\(entry.name).weight", shape: [(filters * depth + 31) / 32])
    let stored = tensors.tensors["\(entry.name).magnitude"]
    let magnitudes = try stored.map { try finite("magnitude", $0.shape == [1] ? [1] : [filters]) } ?? [1]
    // Memory is counted before it is taken: a bit becomes a float twice.
    guard filters * depth <= ModelLimits.footprint / 8 else { throw failure("it takes the model past 8 GiB") }
    let weight = (0..<filters * depth).map { index -> Float in
      let magnitude = magnitudes[magnitudes.count == 1 ? 0 : index / depth]
      return bits[index / 32] >> UInt32(index % 32) & 1 == 1 ? magnitude : -magnitude
    }
    return (
      .convolution(window, groups: groups, weight: weight, bias: Array(repeating: 0, count: filters)),
      reals(output)
    )
  }

  private func maxPool() throws -> (Program.Operation, Program.Flow) {
    let window = try window(rounding: .up)
    let output = FeatureShape(height: window.outHeight, width: window.outWidth, channels: shape.channels)
    switch input {
    case .pixels: throw failure("it reads reals or bits, but bytes flow in")
    case .reals: return (.maxPool(window), reals(output))
    case .codes(_, let planeWeights, let unit, let isUnipolar):
      guard case .threshold? = previous else {
        throw failure("bits can be pooled right after a threshold only")
      }
      let words = try tensors.words("\(entry.name).inverted", shape: [(shape.channels + 31) / 32])
      let inverted = (0..<shape.channels).map { words[$0 / 32] >> UInt32($0 % 32) & 1 == 1 }
      return (
        .codePool(window, inverted: inverted),
        .codes(output, planeWeights: planeWeights, unit: unit, isUnipolar: isUnipolar)
      )
    }
  }

  private func binarize() throws -> (Program.Operation, Program.Flow) {
    try requireReals()
    guard let planes = entry.planes, (1...4).contains(planes.count),
      planes.allSatisfy({ (1...4096).contains($0) })
    else { throw failure("“planes” must be 1 to 4 integers in 1…4096") }
    let exponent = entry.exponent ?? 0
    guard (-64...64).contains(exponent) else { throw failure("“exponent” is out of −64…64") }
    guard planes.count > 1 || (planes == [1] && exponent == 0) else {
      throw failure("a single plane has weight 1")
    }
    let unit = Float(sign: .plus, exponent: -exponent, significand: 1)
    return (
      .binarize(betas: planes.map { Float($0) * unit }),
      .codes(
        shape, planeWeights: planes.map(Int32.init), unit: unit, isUnipolar: entry.unipolar ?? false)
    )
  }

  private func threshold() throws -> (Program.Operation, Program.Flow) {
    guard case .reals(_, let unit?, let bound) = input, unit == 1 else {
      throw failure("it reads the accumulators of a convolution on integers, in units of 1")
    }
    let name = "\(entry.name).interval"
    let values: [Int32]
    if tensors.tensors[name]?.type == .int16 {
      values = try tensors.int16s(name, shape: [2, shape.channels]).map(Int32.init)
    } else {
      values = try tensors.int32s(name, shape: [2, shape.channels])
    }
    guard values.allSatisfy({ -bound <= $0 && $0 <= bound + 1 }) else {
      throw failure("a threshold lies outside −\(bound)…\(bound + 1)")
    }
    return (
      .threshold(low: Array(values[..<shape.channels]), high: Array(values[shape.channels...])),
      .codes(shape, planeWeights: [1], unit: 1, isUnipolar: entry.unipolar ?? false)
    )
  }
}

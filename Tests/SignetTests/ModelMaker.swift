// SPDX-License-Identifier: Apache-2.0

import Signet

/// Puts small compact models together, with random tensors full of awkward values, and loads them as from a file.
struct ModelMaker {
  var random: SplitMix64
  private(set) var builder: CompactModelBuilder
  /// What the last operator gives.
  private(set) var shape: FeatureShape
  /// The largest accumulator, if the last operator was a binary convolution.
  private(set) var bound: Int32 = 0
  private(set) var unit: Float = 1
  private(set) var planeSum = 1
  /// Whether the last operator gave whole accumulators, which can be compared with thresholds.
  private(set) var countsWhole = false
  let input: FeatureShape

  /// With `zero`, the model reads bytes.
  init(seed: UInt64, height: Int, width: Int, channels: Int, zero: [UInt8]? = nil) {
    random = SplitMix64(seed: seed)
    input = FeatureShape(height: height, width: width, channels: channels)
    shape = input
    builder = CompactModelBuilder(
      network: "random", method: "tang",
      preprocessing: Preprocessing(
        height: height, width: width, channels: channels, mean: Array(repeating: 0.5, count: channels),
        deviation: Array(repeating: 0.25, count: channels), zero: zero), classNames: [])
  }

  /// The model, through the bytes of its file.
  func model() throws -> CompactModel {
    try CompactModel(bytes: try builder.encoded(), path: "random.signet")
  }

  /// Normalised random images; the values are exact in few bits, so that ties and thresholds are hit.
  mutating func images(_ count: Int) -> [Float] {
    (0..<count * input.count).map { _ in Float(random.index(below: 17) - 8) / 4 }
  }

  mutating func convolution(
    _ filters: Int, kernel: (Int, Int) = (1, 1), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
    groups: Int = 1
  ) {
    let name = nextName("conv")
    guard let window = add(.convolution, name, filters, kernel, stride, padding, groups, .down) else {
      return
    }
    let depth = shape.channels / groups
    let weights = values(filters * window.taps * depth) { Float($0.index(below: 33) - 16) / 16 }
    builder.add(
      "\(name).weight", shape: [filters, kernel.0, kernel.1, depth], floats: weights)
    builder.add(
      "\(name).bias", shape: [filters], floats: values(filters) { Float($0.index(below: 9) - 4) / 8 })
    shape = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
  }

  /// Weights of all sizes, the largest and 0 among them.
  mutating func pixelConvolution(
    _ filters: Int, kernel: (Int, Int) = (1, 1), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
    groups: Int = 1
  ) {
    let name = nextName("pixels")
    guard let window = add(.pixelConvolution, name, filters, kernel, stride, padding, groups, .down)
    else { return }
    let depth = window.taps * shape.channels / groups
    builder.add(
      "\(name).weight", shape: [filters, kernel.0, kernel.1, shape.channels / groups],
      int8s: values(filters * depth) { random in
        switch random.index(below: 6) {
        case 0: 127
        case 1: -127
        case 2: 0
        default: Int8(random.index(below: 255) - 127)
        }
      })
    bound = PixelWeights.bound(depth: depth)
    shape = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
  }

  /// What the sums of bytes stand for: small steps and an offset, of both signs, zero and one among them.
  mutating func pixelValue() {
    let name = nextName("value")
    builder.add(Operator(.affine, name))
    let choices: [Float] = [0x1p-12, -0x1p-12, 0.0003, -0.0001, 1, 0, -0.0, 0.01]
    builder.add(
      "\(name).scale", shape: [shape.channels],
      floats: values(shape.channels) { choices[$0.index(below: choices.count)] })
    builder.add(
      "\(name).shift", shape: [shape.channels],
      floats: values(shape.channels) { $0.index(below: 3) == 0 ? 0 : $0.uniform(-1, 1) })
    (bound, unit) = (2, 1)
  }

  mutating func binaryConvolution(
    _ filters: Int, kernel: (Int, Int) = (1, 1), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
    groups: Int = 1
  ) {
    let name = nextName("binary")
    guard let window = add(.binaryConvolution, name, filters, kernel, stride, padding, groups, .down)
    else { return }
    let depth = window.taps * shape.channels / groups
    // The last word's unused bits are random as well: a reader must not depend on them.
    builder.add(
      "\(name).weight",
      words: values((filters * depth + 31) / 32) { UInt32(truncatingIfNeeded: $0.next()) })
    bound = Int32(depth * planeSum)
    countsWhole = unit == 1
    shape = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
  }

  /// Slopes that are negative, zero, tiny, above 1 and ordinary.
  mutating func prelu() {
    let name = nextName("prelu")
    builder.add(Operator(.prelu, name))
    let choices: [Float] = [-2, -0.75, -1, 0, -0.0, 0x1p-140, 0.25, 0.1, 1, 3]
    builder.add(
      "\(name).slope", shape: [shape.channels],
      floats: values(shape.channels) { choices[$0.index(below: choices.count)] })
  }

  mutating func relu() { builder.add(Operator(.relu, nextName("relu"))) }

  /// Scales of both signs, zero and tiny; half of the shifts put the zero crossing exactly on a reachable value.
  mutating func affine() {
    let name = nextName("norm")
    builder.add(Operator(.affine, name))
    let choices: [Float] = [1, -1, 0.5, -0.5, 0, -0.0, 0x1p-133, -0x1p-132, 0.0625, -3, 0.1, -0.7]
    let scale = values(shape.channels) { choices[$0.index(below: choices.count)] }
    let spread = max(2, min(Int(bound), 24))
    let unit = unit
    let shift = scale.map { scale -> Float in
      let steps = Float(random.index(below: 2 * spread) - spread)
      switch random.index(below: 4) {
      case 0, 1: return -scale * steps * unit
      case 2: return 0
      default: return random.uniform(-2, 2)
      }
    }
    builder.add("\(name).scale", shape: [shape.channels], floats: scale)
    builder.add("\(name).shift", shape: [shape.channels], floats: shift)
  }

  mutating func binarize(planes: [Int] = [1], exponent: Int = 0, unipolar: Bool = false) {
    var entry = Operator(.binarize, nextName("sign"))
    entry.planes = planes
    entry.exponent = exponent
    entry.unipolar = unipolar ? true : nil
    builder.add(entry)
    planeSum = planes.reduce(0, +) * (unipolar ? 2 : 1)
    unit = Float(sign: .plus, exponent: -exponent, significand: 1)
  }

  /// Intervals that are cyclic, empty, full and ordinary.
  mutating func threshold(spread: Int32 = 12, unipolar: Bool = false) {
    let name = nextName("threshold")
    var entry = Operator(.threshold, name)
    entry.unipolar = unipolar ? true : nil
    builder.add(entry)
    let bound = bound
    func place(_ random: inout SplitMix64) -> Int32 {
      switch random.index(below: 8) {
      case 0: -bound
      case 1: bound + 1
      default: Int32(random.index(below: Int(2 * min(bound, spread)) + 2)) - min(bound, spread)
      }
    }
    builder.add(
      "\(name).interval", shape: [2, shape.channels], integers: values(2 * shape.channels, place),
      bound: bound)
    (planeSum, unit) = (unipolar ? 2 : 1, 1)
  }

  mutating func maxPool(kernel: (Int, Int), stride: (Int, Int), padding: (Int, Int) = (0, 0), codes: Bool) {
    let name = nextName("pool")
    guard let window = add(.maxPool, name, nil, kernel, stride, padding, 1, .up) else { return }
    if codes {
      builder.add(
        "\(name).inverted",
        words: values((shape.channels + 31) / 32) { UInt32(truncatingIfNeeded: $0.next()) })
    }
    shape = FeatureShape(height: window.outHeight, width: window.outWidth, channels: shape.channels)
  }

  mutating func averagePool() {
    builder.add(Operator(.averagePool, nextName("mean")))
    shape = FeatureShape(height: 1, width: 1, channels: shape.channels)
  }

  mutating func scale(_ factor: Float) {
    let name = nextName("scale")
    builder.add(Operator(.scale, name))
    builder.add("\(name).factor", shape: [1], floats: [factor])
  }

  /// Factors of both signs, zeros, and some that are rounded away by a small unit.
  mutating func channelScale() {
    let name = nextName("scales")
    builder.add(Operator(.channelScale, name))
    countsWhole = false
    let choices: [Float] = [0.1, 1, 0.0625, 0.7, -0.3, 0, -0.0, 3]
    builder.add(
      "\(name).factor", shape: [shape.channels],
      floats: values(shape.channels) {
        $0.index(below: 400) == 0 ? 0x1p-126 : choices[$0.index(below: choices.count)]
      })
  }

  /// Weights of one bit on reals, with no magnitude, one, or one a filter.
  mutating func binaryWeightConvolution(
    _ filters: Int, kernel: (Int, Int) = (1, 1), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
    groups: Int = 1
  ) {
    let name = nextName("signs")
    guard let window = add(.binaryWeightConvolution, name, filters, kernel, stride, padding, groups, .down)
    else { return }
    let depth = window.taps * shape.channels / groups
    builder.add(
      "\(name).weight",
      words: values((filters * depth + 31) / 32) { UInt32(truncatingIfNeeded: $0.next()) })
    let magnitudes = [0, 1, filters][random.index(below: 3)]
    if magnitudes > 0 {
      builder.add("\(name).magnitude", shape: [magnitudes], floats: values(magnitudes) { $0.uniform(0, 0.5) })
    }
    shape = FeatureShape(height: window.outHeight, width: window.outWidth, channels: filters)
  }

  private func nextName(_ kind: String) -> String { "\(builder.operators.count).\(kind)" }

  private mutating func values<Element>(
    _ count: Int, _ value: (inout SplitMix64) -> Element
  ) -> [Element] {
    (0..<count).map { _ in value(&random) }
  }

  private mutating func add(
    _ op: Operator.Kind, _ name: String, _ filters: Int?, _ kernel: (Int, Int), _ stride: (Int, Int),
    _ padding: (Int, Int), _ groups: Int, _ rounding: Window.Rounding
  ) -> Window? {
    guard
      let window = Window(
        input: shape, kernel: kernel, stride: stride, padding: padding, rounding: rounding)
    else { return nil }
    builder.add(Operator(op, name, window: window, filters: filters, groups: groups))
    return window
  }
}

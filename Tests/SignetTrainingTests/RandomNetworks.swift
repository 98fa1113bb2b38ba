// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining

/// Small networks of random shapes, the same ones for the same seed.
struct RandomNetwork {
  var description: NetworkDescription
  var input: FeatureShape
  var classes: Int

  init(seed: UInt64) {
    var random = SplitMix64(seed: seed, stream: 0x4E7)
    func pick<T>(_ values: [T]) -> T { values[random.index(below: values.count)] }
    input = FeatureShape(
      height: 9 + random.index(below: 6), width: 8 + random.index(below: 7), channels: pick([1, 2, 3]))
    classes = 2 + random.index(below: 9)
    var layers: [LayerDescription] = [
      .convolution("first", pick([4, 12, 24, 36]), kernel: 3, stride: pick([1, 2]), padding: 1)
    ]
    var channels = layers[0].filters ?? 0
    for index in 0..<(2 + random.index(below: 3)) {
      let groups = pick([1, 1, 2, 3, 4].filter { channels % $0 == 0 })
      let filters = groups * (1 + random.index(below: 40 / groups + 8))
      let kernel = pick([1, 1, 2, 3, 5])
      layers.append(
        .convolution(
          "body\(index)", filters, kernel: kernel, stride: pick([1, 1, 1, 2]),
          padding: max(kernel - 1, 0) / 2 + (kernel == 2 ? 1 : 0), groups: groups))
      channels = filters
      if pick([true, false]) { layers.append(.maxPool(pick([2, 3]), stride: pick([1, 2]))) }
    }
    if pick([true, false]) {
      layers.append(.dense("hidden", 1 + random.index(below: 70)))
      layers.append(.dense("last", nil))
    } else {
      layers.append(.convolution("last", nil, kernel: 1))
      layers.append(.averagePool)
    }
    description = NetworkDescription(name: "random-\(seed)", layers: layers)
  }
}

/// What the whole path is tried with.
enum MethodVariant: String, CaseIterable, Sendable {
  case tang1, tang2, tang3, tang4, relu, relu2, lastFull, lastFull2, noScale, fullPrecision
  case int8, int8Planes, int8Relu, int8Full
  case binaryConnect, binaryConnectFull, bnn, bnnFull, bwn, bwnPrelu, xnor, xnorPlanes, xnorBinary
  case dorefa1, dorefa2, dorefa3, dorefa4, dorefaBinary, int8Bnn, int8Xnor, int8Dorefa1, int8Dorefa2, int8Bwn

  /// Whether layers between the first and the last read bits.
  var readsBits: Bool { method.binarizesActivations }

  var method: Method {
    var method = Method.tang
    method.learningRate = 0.05
    switch self {
    case .tang1: break
    case .tang2: method.binarizations = 2
    case .tang3: method.binarizations = 3
    case .tang4: method.binarizations = 4
    case .relu: method.activation = .relu
    case .relu2: (method.activation, method.binarizations) = (.relu, 2)
    case .lastFull: method.lastLayer = .full
    case .lastFull2: (method.lastLayer, method.binarizations) = (.full, 2)
    case .noScale: method.scaleLayer = false
    case .int8: method.firstLayer = .int8
    case .int8Planes: (method.firstLayer, method.binarizations) = (.int8, 3)
    case .int8Relu: (method.firstLayer, method.activation) = (.int8, .relu)
    case .int8Full:
      method = .fullPrecision
      (method.firstLayer, method.learningRate) = (.int8, 0.01)
    case .fullPrecision:
      method = .fullPrecision
      method.learningRate = 0.01
    default: method = baseline
    }
    return method
  }

  private var baseline: Method {
    var method: Method
    switch self {
    case .binaryConnect, .binaryConnectFull: method = .binaryConnect
    case .bnn, .bnnFull, .int8Bnn: method = .bnn
    case .bwn, .bwnPrelu, .int8Bwn: method = .bwn
    case .xnor, .xnorPlanes, .xnorBinary, .int8Xnor: method = .xnor
    default: method = .dorefa
    }
    switch self {
    case .binaryConnectFull, .bnnFull: method.lastLayer = .full
    case .bwnPrelu: method.activation = .prelu
    case .xnorPlanes: method.binarizations = 3
    case .xnorBinary: (method.lastLayer, method.scaleLayer) = (.binary, true)
    case .dorefa1, .int8Dorefa1: method.activationBits = 1
    case .dorefa3: method.activationBits = 3
    case .dorefa4: method.activationBits = 4
    case .dorefaBinary: (method.lastLayer, method.gradientBits) = (.binary, 4)
    default: break
    }
    if rawValue.hasPrefix("int8") { method.firstLayer = .int8 }
    method.learningRate = 0.02
    return method
  }
}

extension Sequential {
  /// Makes some BatchNorm scales and PReLU slopes negative or zero, and some shifts zero: what folding must get right.
  mutating func forceAwkwardNumbers(seed: UInt64) {
    var random = SplitMix64(seed: seed, stream: 0xA3)
    forEachParameter { name, parameter in
      let isScale = name.hasSuffix("norm.scale") || name.hasSuffix("_norm.scale")
      let isSlope = name.hasSuffix(".slope")
      guard isScale || isSlope || name.hasSuffix("norm.shift") else { return }
      for index in 0..<parameter.count {
        let value = parameter.value.pointer[index]
        switch random.index(below: 8) {
        case 0: parameter.value.pointer[index] = 0
        case 1: parameter.value.pointer[index] = -0.0
        case 2, 3: parameter.value.pointer[index] = isScale || isSlope ? -abs(value) - 0.1 : value
        case 4: parameter.value.pointer[index] = isSlope ? -1 : value
        default: break
        }
      }
    }
  }
}

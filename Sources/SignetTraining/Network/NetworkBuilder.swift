// SPDX-License-Identifier: Apache-2.0

import Signet

extension Sequential {
  /// Makes the layers of a network as a method has them, with weights drawn from the seed.
  ///
  /// A binary block is BatchNorm → binarization → binary convolution → activation; the first convolution is real and reads the
  /// image as it is; no activation follows the last one. A binary last layer with a scale layer ends in the latter.
  package init(_ network: NetworkLayout, method: Method, seed: UInt64) {
    let convolutions = network.convolutions
    var layers: [any Layer] = []
    var lastDepth = 1
    for (index, layer) in network.layers.enumerated() {
      switch layer {
      case .maxPool(let name, let window, let channels):
        layers.append(MaxPool(name: name, window: window, channels: channels))
      case .averagePool(let name, let input):
        layers.append(AveragePool(name: name, input: input))
      case .convolution(let name, let window, let filters, let groups, let inputChannels):
        var random = SplitMix64(seed: seed, stream: 0x1000 + UInt64(index))
        let (isFirst, isLast) = (index == convolutions.first, index == convolutions.last)
        let isBinary = method.isBinary && !isFirst && !(isLast && method.lastLayer == .full)
        if isBinary {
          layers.append(
            BinaryConvolution(
              name: name, window: window, filters: filters, groups: groups, inputChannels: inputChannels,
              planes: method.binarizations, clip: method.clip, using: &random))
        } else {
          if !isFirst {
            layers.append(
              BatchNorm(
                name: "\(name)_norm",
                input: FeatureShape(height: window.inHeight, width: window.inWidth, channels: inputChannels)))
          }
          layers.append(
            Convolution(
              name: name, window: window, filters: filters, groups: groups, inputChannels: inputChannels,
              isFirst: isFirst && method.isBinary, using: &random))
        }
        if !isLast, let output = layers.last?.output {
          layers.append(
            Activation(
              name: "\(name)_\(method.activation.rawValue)", input: output,
              learnsSlope: method.activation == .prelu, isDeferred: network.isNormalized(after: index)))
        }
        lastDepth = window.taps * inputChannels / groups
      }
    }
    if method.isBinary, method.lastLayer == .binary, method.scaleLayer {
      layers.append(Scale(name: "scale", input: network.output, initial: 1 / Float(lastDepth)))
    }
    self.init(input: network.input, layers: layers)
  }
}

extension NetworkLayout {
  /// Whether the next layer that computes anything but a maximum is a convolution, which normalises its input first.
  fileprivate func isNormalized(after index: Int) -> Bool {
    for layer in layers[(index + 1)...] {
      switch layer {
      case .maxPool: continue
      case .convolution: return true
      case .averagePool: return false
      }
    }
    return false
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet

extension Sequential {
  /// Makes the layers of a network as a method has them, with weights drawn from the seed.
  ///
  /// The first convolution is real and reads the image as it is. Every other one is preceded by BatchNorm. With
  /// binarized activations the binarization comes next, and both are the convolution's own. Else, in a convolution-first
  /// block, the activation function does: ReLU before a real last layer whose method has none. In a norm-first block the
  /// function follows the convolution, but the last one. A binary last layer ends in a scale layer or, in a
  /// convolution-first network, in BatchNorm.
  package init(_ network: NetworkLayout, method: Method, seed: UInt64) {
    let convolutions = network.convolutions
    var layers: [any Layer] = []
    var (lastDepth, lastName) = (1, "")
    for (index, layer) in network.layers.enumerated() {
      switch layer {
      case .maxPool(let name, let window, let channels):
        layers.append(MaxPool(name: name, window: window, channels: channels))
      case .averagePool(let name, let input):
        layers.append(AveragePool(name: name, input: input))
      case .convolution(let name, let window, let filters, let groups, let inputChannels):
        var random = SplitMix64(seed: seed, stream: 0x1000 + UInt64(index))
        let (isFirst, isLast) = (index == convolutions.first, index == convolutions.last)
        let input = FeatureShape(height: window.inHeight, width: window.inWidth, channels: inputChannels)
        let isBinary = method.isBinary && !isFirst && !(isLast && method.lastLayer == .full)
        if isBinary, let binarizer = method.activationBinarizer {
          layers.append(
            BinaryConvolution(
              name: name, window: window, filters: filters, groups: groups, inputChannels: inputChannels,
              binarizer: binarizer, weights: method.weights, gradientBits: method.gradientBits,
              clip: method.clip, using: &random))
        } else {
          if !isFirst {
            layers.append(BatchNorm(name: "\(name)_norm", input: input))
            if method.order == .convolutionFirst {
              let function = method.activation == .none ? Method.Activation.relu : method.activation
              layers.append(
                Activation(
                  name: "\(name)_\(function.rawValue)", input: input, learnsSlope: function == .prelu))
            }
          }
          if isBinary {
            layers.append(
              BinaryWeightConvolution(
                name: name, window: window, filters: filters, groups: groups, inputChannels: inputChannels,
                weights: method.weights, clip: method.clip, using: &random))
          } else {
            layers.append(
              Convolution(
                name: name, window: window, filters: filters, groups: groups, inputChannels: inputChannels,
                using: &random))
          }
        }
        if !isLast, method.order == .normFirst, let output = layers.last?.output,
          let function = Activation(
            method.activation, of: name, input: output, isDeferred: network.isNormalized(after: index))
        {
          layers.append(function)
        }
        lastDepth = window.taps * inputChannels / groups
        lastName = name
      }
    }
    if method.isBinary, method.lastLayer == .binary {
      if method.order == .convolutionFirst {
        layers.append(BatchNorm(name: "\(lastName)_output_norm", input: network.output))
      } else if method.scaleLayer {
        layers.append(Scale(name: "scale", input: network.output, initial: 1 / Float(lastDepth)))
      }
    }
    self.init(input: network.input, layers: layers)
  }
}

extension Activation {
  /// The function that goes with a convolution; nil for none.
  fileprivate init?(_ function: Method.Activation, of name: String, input: FeatureShape, isDeferred: Bool) {
    guard function != .none else { return nil }
    self.init(
      name: "\(name)_\(function.rawValue)", input: input, learnsSlope: function == .prelu,
      isDeferred: isDeferred)
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

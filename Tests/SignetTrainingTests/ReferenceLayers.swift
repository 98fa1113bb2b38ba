// SPDX-License-Identifier: Apache-2.0

import Signet

/// Layers in double precision, written as their formulas: the oracle of forward passes and gradients.
enum Reference {
  /// `y = W ⊛ x + b`; taps outside the image are left out.
  static func convolve(
    _ x: [Double], _ weight: [Double], bias: [Double]? = nil, window: Window, groups: Int, channels: Int,
    filters: Int
  ) -> [Double] {
    let depth = channels / groups
    let images = x.count / (window.inPixels * channels)
    var y: [Double] = []
    y.reserveCapacity(images * window.outPixels * filters)
    for image in 0..<images {
      for position in 0..<window.outPixels {
        let (row, column) = position.quotientAndRemainder(dividingBy: window.outWidth)
        for filter in 0..<filters {
          var sum = bias?[filter] ?? 0
          for ky in 0..<window.kernelHeight {
            let inY = row * window.strideHeight - window.padTop + ky
            guard (0..<window.inHeight).contains(inY) else { continue }
            for kx in 0..<window.kernelWidth {
              let inX = column * window.strideWidth - window.padLeft + kx
              guard (0..<window.inWidth).contains(inX) else { continue }
              let from =
                ((image * window.inHeight + inY) * window.inWidth + inX) * channels
                + filter / (filters / groups) * depth
              let at = ((filter * window.kernelHeight + ky) * window.kernelWidth + kx) * depth
              for c in 0..<depth { sum += x[from + c] * weight[at + c] }
            }
          }
          y.append(sum)
        }
      }
    }
    return y
  }

  static func maxPool(_ x: [Double], window: Window, channels: Int) -> [Double] {
    let images = x.count / (window.inPixels * channels)
    var y: [Double] = []
    for image in 0..<images {
      for row in 0..<window.outHeight {
        for column in 0..<window.outWidth {
          for c in 0..<channels {
            var best = -Double.infinity
            for ky in 0..<window.kernelHeight {
              for kx in 0..<window.kernelWidth {
                let inY = row * window.strideHeight - window.padTop + ky
                let inX = column * window.strideWidth - window.padLeft + kx
                guard (0..<window.inHeight).contains(inY), (0..<window.inWidth).contains(inX) else {
                  continue
                }
                best = max(best, x[((image * window.inHeight + inY) * window.inWidth + inX) * channels + c])
              }
            }
            y.append(best)
          }
        }
      }
    }
    return y
  }

  static func averagePool(_ x: [Double], pixels: Int, channels: Int) -> [Double] {
    (0..<x.count / (pixels * channels)).flatMap { image in
      (0..<channels).map { c in
        (0..<pixels).reduce(0) { $0 + x[(image * pixels + $1) * channels + c] } / Double(pixels)
      }
    }
  }

  static func prelu(_ x: [Double], slope: [Double]) -> [Double] {
    x.enumerated().map { $1 > 0 ? $1 : slope[$0 % slope.count] * $1 }
  }

  /// Mean and biased variance of each channel.
  static func moments(_ x: [Double], channels: Int) -> (mean: [Double], variance: [Double]) {
    let rows = x.count / channels
    let mean = (0..<channels).map { c in
      (0..<rows).reduce(0) { $0 + x[$1 * channels + c] } / Double(rows)
    }
    let variance = (0..<channels).map { c in
      (0..<rows).reduce(0) { sum, row in
        let d = x[row * channels + c] - mean[c]
        return sum + d * d
      } / Double(rows)
    }
    return (mean, variance)
  }

  /// BatchNorm with the batch's own statistics; ε = 1e-5.
  static func batchNorm(_ x: [Double], scale: [Double], shift: [Double]) -> [Double] {
    let channels = scale.count
    let (mean, variance) = moments(x, channels: channels)
    return x.enumerated().map { index, value in
      let c = index % channels
      return scale[c] * (value - mean[c]) / (variance[c] + 1e-5).squareRoot() + shift[c]
    }
  }

  static func sign(_ x: Double) -> Double { x >= 0 ? 1 : -1 }
  static func clip(_ x: Double) -> Double { min(1, max(-1, x)) }

  /// `Σ β_m H_m` for given β.
  static func residual(_ x: Double, betas: [Double]) -> Double {
    var (rest, value) = (x, 0.0)
    for beta in betas {
      let step = beta * sign(rest)
      value += step
      rest -= step
    }
    return value
  }
}

/// Central differences of `loss` at `values`, for the given indices.
func finiteDifferences(
  at values: [Double], indices: [Int], step: Double = 1e-5, of loss: ([Double]) -> Double
) -> [Double] {
  indices.map { index in
    var moved = values
    moved[index] = values[index] + step
    let upper = loss(moved)
    moved[index] = values[index] - step
    return (upper - loss(moved)) / (2 * step)
  }
}

/// `Σ r·y`: a loss whose gradient with respect to y is r.
func weightedSum(_ y: [Double], _ r: [Double]) -> Double {
  zip(y, r).reduce(0) { $0 + $1.0 * $1.1 }
}

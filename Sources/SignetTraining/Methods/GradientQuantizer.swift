// SPDX-License-Identifier: Apache-2.0

import Signet

/// Gradients of k bits with noise: what DoReFa-Net's backward pass computes with.
///
/// `f(dy) = 2m·(Q(dy/(2m) + ½ + N) − ½)`, with `m` the greatest |dy| of the image, `N = σ/(2^k − 1)`, σ uniform in [−½, ½),
/// `Q(x) = round((2^k − 1)·clip(x, 0, 1))/(2^k − 1)`: a gradient between two levels goes to either, so that it is right on average.
/// - Shapes: `[images, H, W, C]`, as it is.
/// - The noise derives from the key, the image and the place in it: it does not depend on threads.
/// - Source: Zhou et al. 2016, arXiv:1606.06160, section 2.5.
package struct GradientQuantizer: Sendable {
  package let bits: Int

  package init(bits: Int) { self.bits = bits }

  /// A tensor of quantised gradients.
  package func run(_ gradient: Tensor, key: UInt64, on context: ComputeContext) -> Tensor {
    let dy = context.widened(gradient)
    let result = context.tensor(dy.images, dy.shape)
    let (source, target, count) = (dy.pointer, result.pointer, dy.shape.count)
    let levels = Float(1 << bits - 1)
    context.crew.pool.runRanges(dy.images, grain: 1) { range, _ in
      for image in range {
        let (from, to) = (source + image * count, target + image * count)
        // As integers, where NaN is greater than every number: an image with one goes on as it is.
        var bits: UInt32 = 0
        for index in 0..<count { bits = max(bits, from[index].magnitude.bitPattern) }
        let most = Float(bitPattern: bits)
        guard most > 0, most.isFinite else {
          to.update(from: from, count: count)
          continue
        }
        var random = SplitMix64(seed: key, stream: 0x6B17 &+ UInt64(image))
        for index in 0..<count {
          let place = (from[index] / most * 0.5 + 0.5) * levels + random.unitFloat() - 0.5
          let level = min(levels, max(0, place.rounded(.toNearestOrEven)))
          to[index] = (level / levels * 2 - 1) * most
        }
      }
    }
    withExtendedLifetime(dy) {}
    return result
  }
}

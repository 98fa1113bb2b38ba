// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Softmax and cross-entropy, averaged over the batch; of a shard of it, what it adds to that mean.
///
/// `L = −(1/N) Σ log softmax(x)_label`; `dx = (softmax(x) − one-hot(label)) / N`.
package enum CrossEntropy {
  /// The loss, its gradient, and how many images have their label's logit ahead of all others; `batch` are the images of the whole
  /// batch, if these are not all.
  package static func evaluate(
    _ logits: Tensor, labels: [Int32], batch: Int? = nil, on context: ComputeContext
  ) -> (loss: Double, gradient: Tensor, correct: Int) {
    let (classes, images) = (logits.shape.count, batch ?? labels.count)
    let gradient = context.tensor(logits.images, logits.shape)
    var (loss, correct) = (0.0, 0)
    for (image, label) in labels.enumerated() {
      let (x, dx) = (logits.pointer + image * classes, gradient.pointer + image * classes)
      var best = 0
      for index in 1..<classes where x[index] > x[best] { best = index }
      correct += best == Int(label) ? 1 : 0
      var sum = 0.0
      for index in 0..<classes {
        let power = exp(Double(x[index]) - Double(x[best]))
        dx[index] = Float(power)
        sum += power
      }
      loss += log(sum) + Double(x[best]) - Double(x[Int(label)])
      let scale = Float(1 / (sum * Double(images)))
      for index in 0..<classes { dx[index] *= scale }
      dx[Int(label)] -= 1 / Float(images)
    }
    return (loss / Double(images), gradient, correct)
  }
}

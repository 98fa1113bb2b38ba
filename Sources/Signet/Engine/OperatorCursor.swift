// SPDX-License-Identifier: Apache-2.0

/// Takes operators that may follow each other, front to back: each is taken if it is the next one.
struct OperatorCursor {
  private let nodes: [Program.Node]
  /// The operator that was taken last, or the one that it started behind.
  private(set) var index: Int

  init(_ nodes: [Program.Node], behind index: Int) {
    self.nodes = nodes
    self.index = index
  }

  private var next: Program.Operation? { index + 1 < nodes.count ? nodes[index + 1].operation : nil }

  mutating func affine() -> (scale: [Float], shift: [Float])? {
    guard case .affine(let scale, let shift)? = next else { return nil }
    index += 1
    return (scale, shift)
  }

  /// The factors of a scale, one a channel.
  mutating func scale(channels: Int) -> [Float]? {
    switch next {
    case .scale(let factor)?:
      index += 1
      return Array(repeating: factor, count: channels)
    case .channelScale(let factor)?:
      index += 1
      return factor
    default: return nil
    }
  }

  mutating func activation() -> [Float]? {
    guard case .activation(let slope)? = next else { return nil }
    index += 1
    return slope
  }

  mutating func maxPool() -> Window? {
    guard case .maxPool(let window)? = next else { return nil }
    index += 1
    return window
  }

  mutating func binarize() -> [Float]? {
    guard case .binarize(let betas)? = next else { return nil }
    index += 1
    return betas
  }

  mutating func threshold() -> LevelIntervals? {
    guard case .threshold(let low, let high)? = next else { return nil }
    index += 1
    return LevelIntervals(low: [low], high: [high])
  }

  mutating func codePool() -> (window: Window, inverted: [Bool])? {
    guard case .codePool(let window, let inverted)? = next else { return nil }
    index += 1
    return (window, inverted)
  }
}

// SPDX-License-Identifier: Apache-2.0

extension NetworkDescription {
  /// What a width may be.
  package static let widths: ClosedRange<Float> = 1 / 64...64

  /// The name with the width, where there is one: `nin-cifar width 0.5`.
  package var title: String { width.map { "\(name) width \($0)" } ?? name }

  /// The network with the filters that its width makes of those that are written down.
  ///
  /// Each layer but the last gets `filters · width`, rounded to the nearest multiple of 16, a tie upwards. 16 filters are one
  /// vector of the kernels. The bits of a pixel are packed in words of 32, of which 16 channels leave half of one empty; that
  /// costs some time, but no byte of the file, and widths such as ½ stay what they say. Narrowing never adds a filter,
  /// widening never takes one away, at least 16 stay (or all, where there were fewer), and groups, of the layer and of the
  /// next one, go on dividing them.
  /// - Throws: ``NetworkError`` if the width is outside ``widths``.
  package func widened() throws -> NetworkDescription {
    guard let width else { return self }
    guard Self.widths.contains(width) else {
      throw NetworkError(
        layer: nil,
        "network “\(name)” has a width of \(width); give a number from \(Self.widths.lowerBound) to \(Self.widths.upperBound)"
      )
    }
    var result = self
    result.width = nil
    let weighted = layers.indices.filter { [.convolution, .dense].contains(layers[$0].type) }
    for (place, index) in weighted.enumerated().dropLast() {
      let groups = [layers[index], layers[weighted[place + 1]]].map { $0.groups ?? 1 }
      // What no width can make right is left for the layout to refuse.
      guard let filters = layers[index].filters, (1...1 << 20).contains(filters),
        groups.allSatisfy({ $0 > 0 && filters.isMultiple(of: $0) })
      else { continue }
      let unit = Self.leastMultiple(Self.leastMultiple(16, groups[0]), groups[1])
      let rounded = Int((Double(filters) * Double(width) / Double(unit)).rounded()) * unit
      result.layers[index].filters =
        width < 1 ? min(filters, max(unit, rounded)) : max(filters, rounded)
    }
    return result
  }

  /// The least common multiple of two positive numbers.
  private static func leastMultiple(_ a: Int, _ b: Int) -> Int {
    var (x, y) = (a, b)
    while y != 0 { (x, y) = (y, x % y) }
    return a / x * b
  }
}

// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One axis of a plot.
package struct PlotAxis: Hashable, Sendable {
  package enum Scale: Hashable, Sendable {
    case linear
    /// To the base 10; values that are not positive have no place on it.
    case logarithmic
    /// Names at 0, 1, 2, ….
    case categories([String])
  }

  /// With the unit.
  package let title: String
  package let scale: Scale
  /// What the axis spans at least, besides the data.
  package let including: [Double]
  /// What a linear axis never goes beyond, such as 100 %.
  package let limits: ClosedRange<Double>?
  /// Whether a linear axis ends with the data instead of with a mark.
  package let isTight: Bool

  package init(
    _ title: String, _ scale: Scale = .linear, including: [Double] = [], limits: ClosedRange<Double>? = nil,
    isTight: Bool = false
  ) {
    self.title = title
    self.scale = scale
    self.including = including
    self.limits = limits
    self.isTight = isTight
  }

  /// Whether the axis has a place for a value.
  package func shows(_ value: Double) -> Bool {
    value.isFinite && (scale != .logarithmic || value > 0)
  }

  /// The marks for data with these values.
  package func ticks(_ values: [Double]) -> Ticks {
    let shown = (values + including).filter(shows)
    switch scale {
    case .categories(let names): return .categories(names)
    case .linear:
      let range = (shown.min() ?? 0)...(shown.max() ?? 1)
      let ticks = Ticks.linear(range)
      if isTight, range.lowerBound < range.upperBound { return ticks.clamped(to: range) }
      return limits.map(ticks.clamped) ?? ticks
    case .logarithmic: return .logarithmic((shown.min() ?? 1)...(shown.max() ?? 10))
    }
  }

  /// Where a value is, from 0 at the range's start to 1 at its end.
  package func position(_ value: Double, in range: ClosedRange<Double>) -> Double {
    func place(_ x: Double) -> Double { scale == .logarithmic ? log10(x) : x }
    let (low, high) = (place(range.lowerBound), place(range.upperBound))
    return high > low ? (place(value) - low) / (high - low) : 0.5
  }
}

// SPDX-License-Identifier: Apache-2.0

/// One line of a plot.
package struct PlotSeries: Hashable, Sendable {
  package struct Point: Hashable, Sendable {
    package let x: Double
    package let y: Double
    /// How far the values spread around y; nil if that is not known.
    package let spread: Double?

    package init(_ x: Double, _ y: Double, spread: Double? = nil) {
      self.x = x
      self.y = y
      self.spread = spread
    }
  }

  package let name: String
  /// In the order of x.
  package let points: [Point]

  package init(_ name: String, _ points: [Point]) {
    self.name = name
    self.points = points
  }
}

/// How a line looks: colour, dashes and marker all differ, so that any one of them is enough.
package struct PlotStyle {
  package let color: String
  /// Lengths of strokes and gaps; empty for a line without gaps.
  package let dashes: String
  /// A path around (0, 0).
  package let marker: String

  /// - Source of the colours: M. Okabe and K. Ito 2008, a palette for all kinds of colour vision; without its yellow, which
  ///   is too light for a line on white.
  private static let colors = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9",
  ]
  private static let dashes = ["", "7 3", "2 3", "9 3 2 3", "4 2", "12 4", "1 2", "6 2 1 2 1 2"]
  private static let markers = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",  // disc
    "M-3.6 -3.6h7.2v7.2h-7.2Z",  // square
    "M0 -4.8L4.6 3.4H-4.6Z",  // triangle
    "M0 -5L5 0L0 5L-5 0Z",  // diamond
    "M0 4.8L4.6 -3.4H-4.6Z",  // triangle on its tip
    "M-4.4 -1.5h2.9v-2.9h3v2.9h2.9v3h-2.9v2.9h-3v-2.9h-2.9Z",  // cross
  ]

  /// The style of the series with this index; the first 42 differ in two of three at least.
  package init(_ index: Int) {
    color = Self.colors[index % Self.colors.count]
    dashes = Self.dashes[index % Self.dashes.count]
    marker = Self.markers[index % Self.markers.count]
  }
}

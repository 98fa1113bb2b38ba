// SPDX-License-Identifier: Apache-2.0

/// Lines over two axes, drawn as SVG.
///
/// It needs no font, style sheet or script from elsewhere, and is drawn to be read at 700 pixels.
package struct LinePlot: Hashable, Sendable {
  package let title: String
  package let xAxis: PlotAxis
  package let yAxis: PlotAxis
  package let series: [PlotSeries]

  package init(title: String, xAxis: PlotAxis, yAxis: PlotAxis, series: [PlotSeries]) {
    self.title = title
    self.xAxis = xAxis
    self.yAxis = yAxis
    self.series = series
  }

  package static let width = 700.0
  private static let plotHeight = 300.0
  /// Beyond this, markers would hide the line.
  private static let mostMarkers = 12
  private static let (ink, grid, font) = (
    "#222222", "#DDDDDD", "system-ui, 'Helvetica Neue', Helvetica, Arial, sans-serif"
  )

  /// The points that both axes have a place for, in runs without a gap.
  private func pieces(_ series: PlotSeries) -> [[PlotSeries.Point]] {
    series.points.split { !xAxis.shows($0.x) || !yAxis.shows($0.y) }.map(Array.init)
  }

  /// Where everything is.
  struct Frame {
    let (x, y): (Ticks, Ticks)
    let (left, top, right, bottom): (Double, Double, Double, Double)
    let legend: Legend
    let tiltsLabels: Bool
    let height: Double
  }

  /// Entries of the legend in columns.
  struct Legend {
    let columns: Int
    let columnWidth: Double
    let rows: Int
  }

  /// Works the layout out.
  var frame: Frame {
    let points = series.flatMap { pieces($0).flatMap { $0 } }
    let spreads = points.flatMap { point in
      point.spread.map { [point.y - $0, point.y + $0].filter(yAxis.shows) } ?? []
    }
    let x = xAxis.ticks(points.map(\.x))
    let y = yAxis.ticks(points.map(\.y) + spreads)
    let widest = y.ticks.map { Self.width(of: $0.label ?? "", size: 12) }.max() ?? 0
    let (left, right) = (48 + widest, Self.width - 20)
    let entry = 52 + (series.map { Self.width(of: $0.name, size: 13) }.max() ?? 0)
    let fitting = max(1, Int((right - left + 30) / entry))
    let rows = (series.count + fitting - 1) / fitting
    // As few rows as there can be, filled evenly.
    let columns = max(1, (series.count + max(1, rows) - 1) / max(1, rows))
    let legend = Legend(columns: columns, columnWidth: entry, rows: rows)
    let top = 44 + 20 * Double(legend.rows) + 8
    let labels = x.ticks.compactMap(\.label)
    let slot = (right - left) / Double(max(1, labels.count))
    let longest = labels.map { Self.width(of: $0, size: 12) }.max() ?? 0
    let tilts = longest > slot - 4
    let bottom = top + Self.plotHeight
    return Frame(
      x: x, y: y, left: left, top: top, right: right, bottom: bottom, legend: legend, tiltsLabels: tilts,
      height: bottom + 48 + (tilts ? longest * 0.6 : 0))
  }

  /// Where a point is drawn.
  func place(_ point: PlotSeries.Point, in frame: Frame) -> (x: Double, y: Double) {
    let (x, y) = (
      xAxis.position(point.x, in: frame.x.range), yAxis.position(point.y, in: frame.y.range)
    )
    return (
      frame.left + x * (frame.right - frame.left), frame.bottom - y * (frame.bottom - frame.top)
    )
  }

  /// About what a text takes: glyphs of such fonts are half as wide as high, or a little more.
  private static func width(of text: String, size: Double) -> Double { 0.56 * size * Double(text.count) }

  /// The picture.
  package var svg: String {
    let frame = frame
    var out = SVGText()
    let height = SVGText.number(frame.height)
    out.open(
      "svg",
      [
        ("xmlns", "http://www.w3.org/2000/svg"), ("viewBox", "0 0 \(SVGText.number(Self.width)) \(height)"),
        ("width", SVGText.number(Self.width)), ("height", height), ("role", "img"),
        ("font-family", Self.font),
        ("fill", Self.ink),
      ])
    out.add("title", [], content: title)
    out.add(
      "desc", [],
      content: "\(yAxis.title) over \(xAxis.title), of: \(series.map(\.name).joined(separator: "; ")).")
    out.add(
      "rect", [("width", SVGText.number(Self.width)), ("height", height), ("fill", "#FFFFFF")])
    Self.add(
      title, x: Self.width / 2, y: 24, size: 16, extra: [("font-weight", "600"), ("text-anchor", "middle")],
      to: &out)
    addAxes(frame, to: &out)
    for index in series.indices { addSpread(index, frame, to: &out) }
    for index in series.indices { addLine(index, frame, to: &out) }
    addLegend(frame, to: &out)
    out.close("svg")
    return out.text
  }
}

extension LinePlot {
  private static func add(
    _ text: String, x: Double, y: Double, size: Int, extra: [(String, String)] = [], to out: inout SVGText
  ) {
    out.add(
      "text",
      [("x", SVGText.number(x)), ("y", SVGText.number(y)), ("font-size", "\(size)")] + extra, content: text)
  }

  private static func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ stroke: String, to out: inout SVGText
  ) {
    out.add(
      "line",
      [
        ("x1", SVGText.number(x1)), ("y1", SVGText.number(y1)), ("x2", SVGText.number(x2)),
        ("y2", SVGText.number(y2)), ("stroke", stroke),
      ])
  }

  private func addAxes(_ frame: Frame, to out: inout SVGText) {
    let (left, right, top, bottom) = (frame.left, frame.right, frame.top, frame.bottom)
    for tick in frame.y.ticks {
      let y = bottom - yAxis.position(tick.value, in: frame.y.range) * (bottom - top)
      guard let label = tick.label else {
        Self.line(left - 3, y, left, y, Self.ink, to: &out)
        continue
      }
      Self.line(left, y, right, y, Self.grid, to: &out)
      Self.line(left - 6, y, left, y, Self.ink, to: &out)
      Self.add(label, x: left - 9, y: y + 4, size: 12, extra: [("text-anchor", "end")], to: &out)
    }
    for tick in frame.x.ticks {
      let x = left + xAxis.position(tick.value, in: frame.x.range) * (right - left)
      Self.line(x, bottom, x, bottom + (tick.label == nil ? 3 : 6), Self.ink, to: &out)
      guard let label = tick.label else { continue }
      let tilt: [(String, String)] =
        frame.tiltsLabels
        ? [
          ("text-anchor", "end"),
          ("transform", "rotate(-35 \(SVGText.number(x + 4)) \(SVGText.number(bottom + 16)))"),
        ] : [("text-anchor", "middle")]
      Self.add(
        label, x: frame.tiltsLabels ? x + 4 : x, y: bottom + (frame.tiltsLabels ? 16 : 20), size: 12,
        extra: tilt, to: &out)
    }
    Self.line(left, bottom, right, bottom, Self.ink, to: &out)
    Self.line(left, top, left, bottom, Self.ink, to: &out)
    Self.add(
      xAxis.title, x: (left + right) / 2, y: frame.height - 10, size: 13, extra: [("text-anchor", "middle")],
      to: &out)
    let middle = SVGText.number((top + bottom) / 2)
    Self.add(
      yAxis.title, x: 16, y: (top + bottom) / 2, size: 13,
      extra: [("text-anchor", "middle"), ("transform", "rotate(-90 16 \(middle))")], to: &out)
  }

  private func coordinates(_ points: [(x: Double, y: Double)]) -> String {
    points.map { "\(SVGText.number($0.x)) \(SVGText.number($0.y))" }.joined(separator: " L")
  }

  /// A band around a line; bars where a point stands alone.
  private func addSpread(_ index: Int, _ frame: Frame, to out: inout SVGText) {
    let style = PlotStyle(index)
    func edge(_ point: PlotSeries.Point, _ sign: Double) -> (x: Double, y: Double) {
      let y = point.y + sign * (point.spread ?? 0)
      // What lies below a logarithmic axis ends at it.
      let shown =
        yAxis.shows(y)
        ? min(max(y, frame.y.range.lowerBound), frame.y.range.upperBound) : frame.y.range.lowerBound
      return place(.init(point.x, shown), in: frame)
    }
    for piece in pieces(series[index]) where piece.contains(where: { ($0.spread ?? 0) > 0 }) {
      if piece.count == 1 {
        let (high, low) = (edge(piece[0], 1), edge(piece[0], -1))
        Self.line(high.x, high.y, low.x, low.y, style.color, to: &out)
        for end in [high, low] { Self.line(end.x - 4, end.y, end.x + 4, end.y, style.color, to: &out) }
      } else {
        let outline = piece.map { edge($0, 1) } + piece.reversed().map { edge($0, -1) }
        out.add(
          "path",
          [
            ("class", "spread"), ("d", "M\(coordinates(outline))Z"), ("fill", style.color),
            ("fill-opacity", "0.15"),
          ])
      }
    }
  }

  private func addLine(_ index: Int, _ frame: Frame, to out: inout SVGText) {
    let style = PlotStyle(index)
    out.open("g", [("class", "series"), ("fill", style.color), ("stroke", style.color)])
    for piece in pieces(series[index]) where piece.count > 1 {
      out.add(
        "path",
        [
          ("class", "line"), ("d", "M\(coordinates(piece.map { place($0, in: frame) }))"), ("fill", "none"),
          ("stroke-width", "2"), ("stroke-linejoin", "round"),
        ] + (style.dashes.isEmpty ? [] : [("stroke-dasharray", style.dashes)]))
    }
    let points = pieces(series[index]).flatMap { $0 }
    let step = max(1, (points.count + Self.mostMarkers - 1) / Self.mostMarkers)
    for (count, point) in points.enumerated()
    where (points.count - 1 - count).isMultiple(of: step) {
      addMarker(style, at: place(point, in: frame), to: &out)
    }
    out.close("g")
  }

  private func addMarker(_ style: PlotStyle, at place: (x: Double, y: Double), to out: inout SVGText) {
    out.add(
      "path",
      [
        ("class", "marker"), ("d", style.marker), ("stroke", "#FFFFFF"), ("stroke-width", "0.8"),
        ("transform", "translate(\(SVGText.number(place.x)) \(SVGText.number(place.y)))"),
      ])
  }

  private func addLegend(_ frame: Frame, to out: inout SVGText) {
    for (index, series) in series.enumerated() {
      let style = PlotStyle(index)
      let x = frame.left + Double(index % frame.legend.columns) * frame.legend.columnWidth
      let y = 48 + 20 * Double(index / frame.legend.columns)
      out.open("g", [("class", "legend"), ("fill", style.color), ("stroke", style.color)])
      if series.points.count > 1 {
        out.add(
          "path",
          [
            ("d", "M\(SVGText.number(x)) \(SVGText.number(y))h32"), ("stroke-width", "2"), ("fill", "none"),
          ] + (style.dashes.isEmpty ? [] : [("stroke-dasharray", style.dashes)]))
      }
      addMarker(style, at: (x + 16, y), to: &out)
      out.close("g")
      Self.add(series.name, x: x + 38, y: y + 4.5, size: 13, to: &out)
    }
  }
}

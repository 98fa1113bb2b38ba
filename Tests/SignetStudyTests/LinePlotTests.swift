// SPDX-License-Identifier: Apache-2.0

import Foundation
import SignetStudy
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

/// Oracles: an XML parser; the marks of the same picture, between which points are interpolated.
struct LinePlotTests {
  /// What a parser finds in a picture.
  private final class Picture: NSObject, XMLParserDelegate {
    struct Element {
      let name: String
      let attributes: [String: String]
      var text = ""

      func number(_ name: String) -> Double { attributes[name].flatMap(Double.init) ?? .nan }
    }

    private(set) var elements: [Element] = []
    private var open: [Int] = []

    init(_ svg: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
      super.init()
      let parser = XMLParser(data: Data(svg.utf8))
      parser.delegate = self
      try #require(
        parser.parse(), "\(String(describing: parser.parserError))", sourceLocation: sourceLocation)
    }

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      open.append(elements.count)
      elements.append(Element(name: name, attributes: attributes))
    }

    func parser(
      _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
      open.removeLast()
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
      if let last = open.last { elements[last].text += text }
    }

    func text(_ content: String) throws -> Element {
      try #require(elements.first { $0.name == "text" && $0.text == content }, "no text “\(content)”")
    }

    /// Coordinates of the paths of a class.
    func paths(_ name: String) -> [[(x: Double, y: Double)]] {
      elements.filter { $0.attributes["class"] == name }.map { element in
        (element.attributes["d"] ?? "").split { "ML Z".contains($0) }.map { Double($0) ?? .nan }.pairs
      }
    }

    var markers: [(x: Double, y: Double)] {
      elements.filter { $0.attributes["class"] == "marker" }.compactMap { element in
        (element.attributes["transform"] ?? "").split { !"-.0123456789".contains($0) }.compactMap {
          Double($0)
        }
        .pairs.first
      }
    }
  }

  private static func plot(
    _ series: [PlotSeries], x: PlotAxis = PlotAxis("iteration"), y: PlotAxis = PlotAxis("top-1 (%)")
  ) -> LinePlot {
    LinePlot(title: "A & B <“\"'>", xAxis: x, yAxis: y, series: series)
  }

  private func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 0.02 }

  @Test func pointsLieBetweenTheMarks() throws {
    let points: [(Double, Double)] = [(1000, 10), (1050, 35), (1200, 62.5), (1400, 100)]
    let picture = try Picture(Self.plot([PlotSeries("one", points.map { .init($0, $1) })]).svg)
    let (x0, x400) = (try picture.text("1,000").number("x"), try picture.text("1,400").number("x"))
    // A label stands 4 below its mark's line.
    let (y20, y100) = (try picture.text("20").number("y") - 4, try picture.text("100").number("y") - 4)
    let line = try #require(picture.paths("line").first)
    try #require(line.count == points.count)
    for (drawn, (x, y)) in zip(line, points) {
      #expect(close(drawn.x, x0 + (x400 - x0) * (x - 1000) / 400))
      #expect(close(drawn.y, y20 + (y100 - y20) * (y - 20) / 80))
    }
    #expect(y100 < y20 && x0 < x400)
  }

  @Test func aLogarithmicAxisSpacesDecadesEvenly() throws {
    let values = [0.001, 0.01, 0.1, 1, 10, 100]
    let picture = try Picture(
      Self.plot(
        [PlotSeries("s", values.enumerated().map { .init(Double($0), $1) })],
        x: PlotAxis("layer", .categories(["a", "b", "c", "d", "e", "f"])),
        y: PlotAxis("share (%)", .logarithmic)
      ).svg)
    let line = try #require(picture.paths("line").first)
    let steps = zip(line, line.dropFirst()).map { $0.y - $1.y }
    #expect(steps.allSatisfy { close($0, steps[0]) } && steps[0] > 10)
    for (point, text) in zip(line, ["0.001", "0.01", "0.1", "1", "10", "100"]) {
      #expect(close(point.y, try picture.text(text).number("y") - 4))
    }
    for (point, name) in zip(line, ["a", "b", "c", "d", "e", "f"]) {
      #expect(close(point.x, try picture.text(name).number("x")))
    }
  }

  /// Zero has no place on a logarithmic axis: the line has a gap there instead of a wrong point.
  @Test func whatCanNotBeShownIsAGap() throws {
    let points = [1, 10, 0, 100, 10, .nan, 1].enumerated().map { PlotSeries.Point(Double($0), $1) }
    let plot = Self.plot([PlotSeries("s", points)], y: PlotAxis("y", .logarithmic))
    let picture = try Picture(plot.svg)
    #expect(picture.paths("line").map(\.count) == [2, 2])
    // Five points, and the legend's.
    #expect(picture.markers.count == 5 + 1)
    #expect(!plot.svg.contains("nan") && !plot.svg.contains("inf"))
  }

  @Test func theBandIsTheSpread() throws {
    let picture = try Picture(
      Self.plot([PlotSeries("s", [.init(0, 40, spread: 20), .init(10, 60, spread: 10)])]).svg)
    func y(_ label: String) throws -> Double { try picture.text(label).number("y") - 4 }
    let band = try #require(picture.paths("spread").first)
    let per = (try y("60") - y("40")) / 20
    let expected = try [60.0, 70, 50, 20].map { try y("40") + ($0 - 40) * per }
    #expect(zip(band, expected).allSatisfy { close($0.y, $1) } && band.count == 4)
    let line = try #require(picture.paths("line").first)
    #expect(close(band[0].x, line[0].x) && close(band[1].x, line[1].x))
  }

  @Test func longLinesHaveFewMarkersAndTheLastPointHasOne() throws {
    let points = (0..<200).map { PlotSeries.Point(Double($0), Double($0 * $0 % 37)) }
    let picture = try Picture(Self.plot([PlotSeries("s", points)]).svg)
    #expect((6...13).contains(picture.markers.count))
    let last = try #require(picture.paths("line").first?.last)
    #expect(picture.markers.contains { close($0.x, last.x) && close($0.y, last.y) })
  }

  @Test func everyLineLooksDifferentAndIsInTheLegend() throws {
    let names = (1...9).map { "method \($0)" }
    let plot = Self.plot(names.map { PlotSeries($0, [.init(0, 1), .init(1, 2)]) })
    let picture = try Picture(plot.svg)
    for name in names { _ = try picture.text(name) }
    let styles = (0..<42).map { PlotStyle($0) }
    #expect(Set(styles.map { $0.color + $0.marker }).count == 42)
    #expect(picture.elements.filter { $0.attributes["class"] == "legend" }.count == 9)
  }

  /// Nothing sticks out of the picture, also with long names; texts are escaped.
  @Test func everythingIsInside() throws {
    let names = (1...12).map { "a rather long name of layer \($0)" }
    let series = names.map { name in
      PlotSeries(name, names.indices.map { .init(Double($0), Double($0) * 1e5) })
    }
    let plot = Self.plot(series, x: PlotAxis("layer", .categories(names)))
    let picture = try Picture(plot.svg)
    let root = try #require(picture.elements.first)
    let (width, height) = (root.number("width"), root.number("height"))
    #expect(width == 700 && root.attributes["viewBox"] == "0 0 700 \(root.attributes["height"] ?? "")")
    for point in picture.paths("line").flatMap({ $0 }) + picture.markers {
      #expect((0...width).contains(point.x) && (0...height).contains(point.y))
    }
    for element in picture.elements where element.name == "text" {
      #expect((0...width).contains(element.number("x")) && (0...height).contains(element.number("y")))
    }
    #expect(try picture.text("A & B <“\"'>").attributes["font-size"] == "16")
    _ = try picture.text("layer")
    _ = try picture.text("top-1 (%)")
  }

  @Test func nothingComesFromElsewhere() {
    let svg = Self.plot([PlotSeries("s", [.init(0, 1), .init(1, 2)])]).svg
    for word in ["href", "@import", "<script", "<style", "url(", "<image"] { #expect(!svg.contains(word)) }
    #expect(svg.components(separatedBy: "http").count == 2, "but for the name space")
  }

  @Test func emptyAndSinglePlotsAreDrawn() throws {
    #expect(try Picture(Self.plot([]).svg).paths("line").isEmpty)
    #expect(try Picture(Self.plot([PlotSeries("s", [])]).svg).markers.count == 1)
    let one = try Picture(
      Self.plot([PlotSeries("s", [.init(3, 50, spread: 2)])], x: PlotAxis("bytes", .logarithmic)).svg)
    #expect(one.markers.count == 2 && one.paths("line").isEmpty)
  }

  @Test(arguments: StudyName.allCases) func figuresOfEachStudyAreWellFormed(study: StudyName) throws {
    var state = MadeUp.state(study)
    #expect(StudyFigure.all(of: StudyResults(state)).isEmpty, "nothing is done yet")
    for index in state.runs.indices {
      state.runs[index].outcome = MadeUp.outcome(top1: 0.9 - 0.01 * Double(index), signChange: 0.01)
    }
    let figures = StudyFigure.all(of: StudyResults(state))
    #expect(figures.count >= study.parts.count && Set(figures.map(\.fileName)).count == figures.count)
    for figure in figures { _ = try Picture(figure.plot.svg) }
    if study == .learningRate {
      #expect(figures.first?.plot.yAxis.scale == .logarithmic, "as the paper's figure 2")
      #expect(figures.first?.plot.xAxis.scale == .categories(["conv1", "conv2", "conv3"]))
    }
  }
}

extension [Double] {
  /// Two at a time.
  fileprivate var pairs: [(x: Double, y: Double)] {
    stride(from: 0, to: count - 1, by: 2).map { (self[$0], self[$0 + 1]) }
  }
}

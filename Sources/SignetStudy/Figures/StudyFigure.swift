// SPDX-License-Identifier: Apache-2.0

/// A picture of a study.
package struct StudyFigure: Sendable {
  package let study: StudyName
  /// Without the folder.
  package let fileName: String
  package let plot: LinePlot

  package var title: String { plot.title }

  /// The figures of all parts that have something to show.
  package static func all(of results: StudyResults) -> [StudyFigure] {
    results.parts.flatMap { part -> [StudyFigure] in
      let name = part.name.rawValue
      func figure(_ kind: String, _ plot: LinePlot?) -> StudyFigure? {
        plot.map { StudyFigure(study: part.name, fileName: "\(name)-\(kind).svg", plot: $0) }
      }
      var figures: [StudyFigure?] = []
      if part.name == .learningRate {
        figures += [
          figure("sign-changes", signChanges(part.rows)),
          figure("sign-changes-over-time", overTime(part.rows)),
        ]
      }
      figures.append(figure("accuracy", accuracy(part)))
      if part.name == .methods { figures.append(figure("size", size(part.rows))) }
      return figures.compactMap { $0 }
    }
  }

  /// The paper's figure 3: validation accuracy over iterations.
  private static func accuracy(_ part: StudyResults.Part) -> LinePlot? {
    let series = part.rows.compactMap { row in
      Self.series(row) { $0.validationTop1.map { $0 * 100 } }
    }
    guard !series.isEmpty else { return nil }
    return LinePlot(
      title: "\(part.name.title): accuracy during training",
      xAxis: PlotAxis("iteration", including: [0], isTight: true),
      yAxis: PlotAxis("validation top-1 (%)", limits: 0...100), series: series)
  }

  /// The paper's figure 2: the share of sign changes, layer by layer, at the start of training.
  private static func signChanges(_ rows: [StudyRow]) -> LinePlot? {
    guard let layers = rows.map(\.layers).max(by: { $0.count < $1.count }), !layers.isEmpty else {
      return nil
    }
    let series = rows.compactMap { row -> PlotSeries? in
      let points = layers.enumerated().compactMap { place, layer -> PlotSeries.Point? in
        let sample = Sample(row.signChangeAtStart(of: layer.name).values.map { $0 * 100 })
        return sample.mean.map { PlotSeries.Point(Double(place), $0, spread: sample.deviation) }
      }
      return points.isEmpty ? nil : PlotSeries(row.title, points)
    }
    return LinePlot(
      title: "Weights whose sign changes in a step, by layer, first \(StudyName.startSteps) steps",
      xAxis: PlotAxis("layer", .categories(layers.map(\.name))),
      yAxis: PlotAxis("share of sign changes (%)", .logarithmic), series: series)
  }

  private static func overTime(_ rows: [StudyRow]) -> LinePlot? {
    let series = rows.compactMap { Self.series($0) { $0.signChange * 100 } }
    guard !series.isEmpty else { return nil }
    return LinePlot(
      title: "Weights whose sign changes in a step, during training",
      xAxis: PlotAxis("iteration", including: [0], isTight: true),
      yAxis: PlotAxis("share of sign changes (%)", .logarithmic), series: series)
  }

  /// What accuracy costs in bytes.
  private static func size(_ rows: [StudyRow]) -> LinePlot? {
    let series = rows.compactMap { row -> PlotSeries? in
      guard let bytes = row.fileBytes.mean, let top1 = row.top1.mean else { return nil }
      return PlotSeries(
        row.title, [.init(bytes / 1000, top1 * 100, spread: row.top1.deviation.map { $0 * 100 })])
    }
    guard !series.isEmpty else { return nil }
    return LinePlot(
      title: "Accuracy and size of each method",
      xAxis: PlotAxis("file (kB, 1000 bytes)", .logarithmic),
      yAxis: PlotAxis("test top-1 (%)", limits: 0...100),
      series: series)
  }

  /// A figure of each epoch, mean over the seeds, at the iterations of the epochs' ends.
  private static func series(
    _ row: StudyRow, _ value: (RunOutcome.Epoch) -> Double?
  ) -> PlotSeries? {
    let runs = row.outcomes.map(\.epochs)
    let count = runs.map(\.count).min() ?? 0
    let points = (0..<count).compactMap { index -> PlotSeries.Point? in
      let sample = Sample(runs.compactMap { value($0[index]) })
      return sample.mean.map {
        PlotSeries.Point(Double(runs[0][index].step), $0, spread: sample.deviation)
      }
    }
    return points.isEmpty ? nil : PlotSeries(row.title, points)
  }
}

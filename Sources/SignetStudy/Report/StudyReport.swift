// SPDX-License-Identifier: Apache-2.0

import SignetTraining

/// A study as a page of Markdown: what the paper says, what the runs show, and every run.
package struct StudyReport {
  private let state: StudyState
  private let results: StudyResults
  private let figures: [StudyFigure]

  package init(_ state: StudyState, results: StudyResults, figures: [StudyFigure]) {
    self.state = state
    self.results = results
    self.figures = figures
  }

  /// The whole page.
  package var markdown: String {
    ([heading] + results.parts.map(section) + [settings, runs, machines]).joined(separator: "\n")
  }

  private var heading: String {
    let isWhole = state.isFinished
    let failed = state.runs.count { $0.failure != nil }
    var text = "# \(state.study.title): \(state.settings.network.title) on \(state.settings.data)\n\n"
    text +=
      "The study `\(state.study.rawValue)` of Tang, Hua and Wang (AAAI 2017; \(state.study.source)) on other data: \(Figure.counted(state.runs.count, "run")) of \(Figure.counted(state.epochs, "epoch")), \(Figure.counted(state.settings.seeds.count, "seed")) for each row.\n"
    if !isWhole {
      text +=
        "\n**Not finished:** \(state.done) of \(state.runs.count) runs are done; the same command goes on.\n"
    }
    if failed > 0 {
      text +=
        "\n**\(Figure.counted(failed, "run")) could not be finished**, because numbers were no longer finite; see the list of runs.\n"
    }
    return text
      + "\nAccuracy is the packed engine's on the compact model, of the test part; mean ± standard deviation over the seeds. A finding holds or does not hold if the difference of the means exceeds the deviation `√(s₁² + s₂²)` of a difference; within it, and with a single seed, it is undecided.\n"
  }

  // MARK: One study

  private func section(_ part: StudyResults.Part) -> String {
    var text = "## \(part.name.title)\n\n"
    text += "\(part.name.explanation) The paper: \(part.name.source).\n\n"
    text += table(part).text
    let findings = part.findings
    if !findings.isEmpty {
      var table = MarkdownTable([("The paper", false), ("These runs", false), ("", false)])
      for finding in findings {
        table.add([finding.paper, finding.shows, "**\(finding.verdict.rawValue)**"])
      }
      text += "\n" + table.text
    }
    if part.name == .learningRate, let signs = signChanges(part) { text += "\n" + signs }
    for figure in figures where figure.study == part.name {
      text += "\n![\(figure.title)](\(figure.fileName))\n"
    }
    return text
  }

  private func table(_ part: StudyResults.Part) -> MarkdownTable {
    let hasPublished = part.rows.contains { $0.variant.published != nil }
    var table = MarkdownTable(
      [
        ("", false), ("runs", true), ("top-1", true), ("top-5", true), ("file bytes", true),
        ("compression", true), ("ms per image", true),
      ] + (hasPublished ? [("the paper, ImageNet: top-1, top-5, compression", false)] : []))
    for row in part.rows {
      var cells = [
        row.title, "\(row.outcomes.count)", Figure.percent(row.top1), Figure.percent(row.top5),
        row.fileBytes.mean.map(Figure.bytes) ?? "–",
        row.compression.mean.map { Figure.fixed($0, 2) + "×" } ?? "–",
        row.millisecondsPerImage.median.map { Figure.fixed($0, 4) } ?? "–",
      ]
      if hasPublished { cells.append(row.variant.published.map(Self.text) ?? "–") }
      table.add(cells)
    }
    return table
  }

  private static func text(_ published: PublishedFigures) -> String {
    let parts = [
      Figure.fixed(published.top1, 1), published.top5.map { Figure.fixed($0, 1) },
      published.compression.map { Figure.fixed($0, $0 < 10 ? 2 : 1) + "×" },
    ].compactMap { $0 }
    return "\(published.network): \(parts.joined(separator: ", "))"
  }

  /// The figures behind the paper's figure 2: at the start of training, and over all of it.
  private func signChanges(_ part: StudyResults.Part) -> String? {
    let parts = [
      signChanges(part, "the first \(StudyName.startSteps) steps") { $0.signChangeAtStart(of: $1) },
      signChanges(part, "all steps of a run") { $0.signChange(of: $1) },
    ].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: "\n")
  }

  private func signChanges(
    _ part: StudyResults.Part, _ steps: String, _ share: (StudyRow, String) -> Sample
  ) -> String? {
    guard let layers = part.rows.map(\.layers).max(by: { $0.count < $1.count }), !layers.isEmpty else {
      return nil
    }
    var table = MarkdownTable([("layer", false)] + part.rows.map { ($0.title, true) })
    for layer in layers {
      table.add(
        [layer.name]
          + part.rows.map { row in
            guard let own = row.layers.first(where: { $0.name == layer.name }) else { return "–" }
            let sample = Sample(share(row, layer.name).values.map { $0 * 100 })
            return (Figure.spread(sample, decimals: 4) ?? "–") + (own.isBinary ? "" : " (real)")
          })
    }
    return
      "Share of weights whose sign changes in a step, in percent, mean over \(steps):\n\n"
      + table.text
  }

  // MARK: All of it

  private var settings: String {
    let s = state.settings
    var lines = [
      "data `\(s.data)`, network `\(s.networkOption)`\(s.network.width.map { " with `--width \($0)`" } ?? ""), augmentation `\(s.augmentation)`, batches of \(s.batchSize)",
      "\(Figure.counted(state.epochs, "epoch")) a run"
        + (state.epochs < s.epochs ? " (\(s.epochs) were wanted; the time budget allows no more)" : ""),
      "seeds \(s.seeds.map(String.init).joined(separator: ", ")); \(s.validation) training images held out for the accuracy during training",
      "M = \(s.binarizations) where binarizations are not compared",
      s.learningRate.map { "learning rate \($0.scientific) where it is not compared" }
        ?? "learning rate of each method's own where it is not compared",
      s.precision.map { "products of training in `\($0.rawValue)`" }
        ?? "products of training in int8 where the method has bits, else in fp32",
      s.schedule.map { "schedule `\($0.rawValue)` in all runs" } ?? "schedule of each method's own",
    ]
    if state.plan.parts.contains(where: { $0.name == .regularizer }) {
      lines.append("L2 with the factor \(s.l2.scientific), where regularisers are compared")
    }
    lines.append("ms per image: one image at a time in the engine, median of many runs, then of the seeds")
    return "## Settings\n\n" + lines.map { "- \($0)\n" }.joined()
  }

  private var runs: String {
    var table = MarkdownTable([
      ("run", false), ("epochs", true), ("loss", true), ("validation", true), ("top-1", true),
      ("top-5", true),
      ("file bytes", true), ("time", true),
    ])
    for run in state.runs {
      guard let outcome = run.outcome else {
        table.add([run.folder, run.failure ?? "not done yet", "", "", "", "", "", ""])
        continue
      }
      let last = outcome.epochs.last
      table.add([
        run.folder, "\(outcome.epochs.count)", last.map { Figure.fixed($0.loss, 4) } ?? "–",
        Figure.percent(Sample([last?.validationTop1].compactMap { $0 })),
        Figure.percent(Sample([outcome.test.top1])),
        Figure.percent(Sample([outcome.test.top5])), Figure.bytes(Double(outcome.fileBytes)),
        DurationText.long(outcome.times.seconds),
      ])
    }
    return
      "## All runs\n\nEach is a folder of `signet train`; the command that repeats it is in `study.json`.\n\n"
      + table.text
  }

  private var machines: String {
    let machines = state.sessions.map { session in
      let m = session.machine
      return
        "- \(session.started), \(DurationText.long(session.seconds)): \(m.processor ?? "unknown processor"), \(Figure.counted(m.cores, "core")), \(Figure.counted(m.threads, "thread")), \(m.isa), \(Figure.fixed(Double(m.memoryBytes) / 0x1p30, 1)) GiB, \(m.system)\n"
    }
    return
      "## Machine and time\n\nSignet \(state.signetVersion); \(DurationText.long(state.seconds)) in all.\n\n"
      + machines.joined()
  }
}

// SPDX-License-Identifier: Apache-2.0

extension StudyName {
  /// How many times more signs must change for the learning rate to be called too high: the paper has about a hundred.
  package static let signChangeFactor = 20.0

  /// Steps that count as the start of training, for sign changes.
  ///
  /// The paper's 6…40 % of weights in a step of Adam at 1e-2 can only be of early steps: of weights that have spread over [−1, 1],
  /// at most 1 % are within a step's reach of 0.
  package static let startSteps = 100

  /// What falls by this share of its best accuracy has collapsed.
  package static let collapse = 0.1

  /// The paper's findings beside what the rows show; which, and by what measure, is fixed before any run.
  ///
  /// - Source: Tang, Hua, Wang 2017; accuracies are those of ImageNet.
  package func findings(_ rows: [StudyRow]) -> [Finding] {
    func row(_ title: String) -> StudyRow? { rows.first { $0.title == title } }
    let findings: [Finding?] =
      switch self {
      case .learningRate:
        [
          .top1(
            of: row("binary, 1e-4"), above: row("binary, 1e-2"),
            paper: "A binary net learns better at 1e-4 than at 1e-2 (top-1 36.4 against 20.9)."),
          .signChanges(
            of: row("binary, 1e-2"), above: row("binary, 1e-4"), share: \.signChangeAtStart,
            paper:
              "In every layer of the binary net far more signs change in a step at 1e-2 (6…40 %) than at 1e-4 (0.05…0.4 %); here: at least \(Int(Self.signChangeFactor)) times as many in the first \(Self.startSteps) steps."
          ),
          .signChanges(
            of: row("binary, 1e-2"), above: row("binary, 1e-4"), share: \.signChange,
            paper: "The same, over all steps of a run."),
          .signChanges(
            of: row("binary, 1e-2"), above: row("full precision, 1e-2"), share: \.signChange,
            paper:
              "At the same rate of 1e-2, far fewer signs change in a full-precision net (1e-4…4e-2 %); here: at most a \(Int(Self.signChangeFactor))th in every layer."
          ),
        ]
      case .activation:
        [
          .top1(
            of: row("1e-4, ReLU"), above: row("1e-2, ReLU"),
            paper: "The low learning rate is better (top-1 36.4 against 20.9)."),
          .top1(
            of: row("1e-4, PReLU"), above: row("1e-4, ReLU"),
            paper: "PReLU is better than ReLU (top-1 41.2 against 36.4)."),
        ]
      case .regularizer:
        [
          .top1(of: row("bipolar"), above: row("L2"), paper: "The bipolar regulariser is better than L2."),
          .collapse(
            of: row("L2"),
            paper:
              "With L2 the accuracy collapses late in training; here: it ends at least a tenth below its best epoch."
          ),
        ]
      case .lastLayer:
        [
          .top1(
            of: row("binary, scale layer"), above: row("binary, no scale layer"),
            paper: "The scale layer helps a binary last layer (top-1 39.3 against 35.8)."),
          .top1(
            of: row("full precision"), above: row("binary, scale layer"),
            paper: "A last layer in full precision stays a little better (top-1 41.2 against 39.3)."),
          .smallerFile(
            of: row("binary, scale layer"), than: row("full precision"),
            paper: "A binary last layer makes the high compression possible (27.1× against 5.98×)."),
        ]
      case .binarizations:
        [
          .top1(of: row("M = 2"), above: row("M = 1"), paper: "Two binarizations are better than one."),
          .sameFile(
            of: row("M = 4"), as: row("M = 1"),
            paper: "The model does not grow with M; here: by less than 5 % from M = 1 to 4."),
        ]
      case .methods: Self.methodFindings(rows)
      case .all: []
      }
    return findings.compactMap { $0 }
  }

  private static func methodFindings(_ rows: [StudyRow]) -> [Finding?] {
    func row(_ title: String) -> StudyRow? { rows.first { $0.title == title } }
    let tang = row("tang, M = 2")
    let baselines = [("bnn", "27.9"), ("xnor", "44.2"), ("dorefa", "43.6")]
    return baselines.map { name, published in
      .top1(
        of: tang, above: row(name),
        paper: "With M = 2 the method is better than \(name) (AlexNet, top-1 46.6 against \(published)).")
    } + [
      .top1(
        of: row("bwn"), above: tang,
        paper:
          "Binary weights with real activations (bwn) are better still (AlexNet, top-1 56.8 against 46.6)."
      ),
      .smallerFile(
        of: tang, than: row("xnor"),
        paper: "The model is smaller than XNOR-Net's, whose first and last layers are in full precision."),
    ]
  }
}

extension Finding {
  /// That in every binary layer the first row's share of sign changes is many times the second's.
  fileprivate static func signChanges(
    of first: StudyRow?, above second: StudyRow?, share of: KeyPath<RunOutcome.Layer, Double>, paper: String
  ) -> Finding? {
    guard let first, let second else { return nil }
    let layers = first.layers.filter(\.isBinary).map(\.name)
    // Seeds are compared with themselves, so that each gives a verdict of its own.
    let ratios = first.runs.compactMap { run -> [(layer: String, ratio: Double)]? in
      guard let a = run.outcome, let b = second.runs.first(where: { $0.seed == run.seed })?.outcome else {
        return nil
      }
      func share(_ outcome: RunOutcome, _ layer: String) -> Double {
        outcome.layers.first { $0.name == layer }?[keyPath: of] ?? 0
      }
      return layers.map { layer in
        let (high, low) = (share(a, layer), share(b, layer))
        return (layer, low > 0 ? high / low : high > 0 ? .infinity : 1)
      }
    }
    guard !layers.isEmpty, let least = ratios.flatMap({ $0 }).min(by: { $0.ratio < $1.ratio }),
      let most = ratios.flatMap({ $0 }).max(by: { $0.ratio < $1.ratio })
    else { return .missing(paper: paper, rows: [first, second]) }
    let factor = StudyName.signChangeFactor
    let holding = ratios.count { seed in seed.allSatisfy { $0.ratio >= factor } }
    let verdict: Verdict =
      holding == ratios.count ? .holds : holding == 0 ? .doesNotHold : .undecided
    let shows =
      "\(Figure.factor(least.ratio)) (\(least.layer)) to \(Figure.factor(most.ratio)) (\(most.layer)) as many, \(first.title) against \(second.title), in \(Figure.counted(layers.count, "binary layer")) and \(Figure.counted(ratios.count, "seed"))"
    return Finding(paper: paper, shows: shows, verdict: verdict)
  }

  /// That accuracy falls in the end.
  fileprivate static func collapse(of row: StudyRow?, paper: String) -> Finding? {
    guard let row else { return nil }
    let falls = row.falls
    guard !falls.isEmpty else { return .missing(paper: paper, rows: [row]) }
    let collapsed = falls.count { $0 >= StudyName.collapse }
    let verdict: Verdict =
      collapsed == falls.count ? .holds : collapsed == 0 ? .doesNotHold : .undecided
    let shows =
      "validation top-1 of “\(row.title)” ends \(Figure.fixed(100 * (falls.max() ?? 0), 1)) % of its best below its best epoch at most; \(collapsed) of \(Figure.counted(falls.count, "seed")) collapsed"
    return Finding(paper: paper, shows: shows, verdict: verdict)
  }

  /// That files of the first row are smaller; sizes don't vary but for a few digits of the header.
  fileprivate static func smallerFile(
    of first: StudyRow?, than second: StudyRow?, paper: String
  ) -> Finding? {
    guard let first, let second else { return nil }
    guard let a = first.fileBytes.mean, let b = second.fileBytes.mean else {
      return .missing(paper: paper, rows: [first, second])
    }
    return Finding(
      paper: paper,
      shows:
        "\(Figure.bytes(a)) bytes (\(first.title)) against \(Figure.bytes(b)) (\(second.title))",
      verdict: a < b ? .holds : .doesNotHold)
  }

  fileprivate static func sameFile(of first: StudyRow?, as second: StudyRow?, paper: String) -> Finding? {
    guard let first, let second else { return nil }
    guard let a = first.fileBytes.mean, let b = second.fileBytes.mean, b > 0 else {
      return .missing(paper: paper, rows: [first, second])
    }
    return Finding(
      paper: paper,
      shows:
        "\(Figure.bytes(a)) bytes (\(first.title)) against \(Figure.bytes(b)) (\(second.title)): \(Figure.signed(100 * (a / b - 1), 1)) %",
      verdict: a < 1.05 * b ? .holds : .doesNotHold)
  }
}

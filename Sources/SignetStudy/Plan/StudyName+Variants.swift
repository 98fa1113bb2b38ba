// SPDX-License-Identifier: Apache-2.0

import SignetTraining

extension StudyName {
  /// The rows of a study's table, with the paper's settings; none for `all`, which has those of its parts.
  ///
  /// - Source: Tang, Hua, Wang 2017, tables 1 to 3, figures 2 and 3. Where the paper leaves a setting open, it is that of
  ///   table 2's last row: 1e-4, PReLU, the bipolar regulariser, a last layer in full precision.
  package func variants(_ settings: StudySettings) -> [StudyVariant] {
    let binary = settings.applied(to: .tang, binarizations: settings.binarizations)
    /// Table 2's rows.
    func row(_ rate: Float, _ activation: Method.Activation) -> Method {
      binary.with(rate: rate, activation: activation, lastLayer: .full)
    }
    switch self {
    case .learningRate:
      let full = settings.applied(to: .fullPrecision)
      return [
        StudyVariant("full precision, 1e-2", full.with(rate: 1e-2, activation: .relu)),
        StudyVariant("full precision, 1e-4", full.with(rate: 1e-4, activation: .relu)),
        StudyVariant("binary, 1e-2", row(1e-2, .relu)),
        StudyVariant("binary, 1e-4", row(1e-4, .relu)),
      ]
    case .activation:
      return [
        StudyVariant(
          "1e-2, ReLU", row(1e-2, .relu),
          published: PublishedFigures("NIN", top1: 20.9, top5: 43.5, compression: 6.02)),
        StudyVariant(
          "1e-4, ReLU", row(1e-4, .relu),
          published: PublishedFigures("NIN", top1: 36.4, top5: 61.3, compression: 6.02)),
        StudyVariant(
          "1e-4, PReLU", row(1e-4, .prelu),
          published: PublishedFigures("NIN", top1: 41.2, top5: 65.6, compression: 5.98)),
      ]
    case .regularizer:
      let full = binary.with(lastLayer: .full)
      return [
        StudyVariant("none", full.with(regularizer: Regularizer.none)),
        StudyVariant("L2", full.with(regularizer: .l2(settings.l2))),
        StudyVariant("bipolar", full),
      ]
    case .lastLayer:
      return [
        StudyVariant(
          "full precision", binary.with(lastLayer: .full),
          published: PublishedFigures("NIN", top1: 41.2, top5: 65.6, compression: 5.98)),
        StudyVariant(
          "binary, no scale layer", binary.with(scaleLayer: false),
          published: PublishedFigures("NIN", top1: 35.8, top5: 61.0, compression: 27.1)),
        StudyVariant(
          "binary, scale layer", binary,
          published: PublishedFigures("NIN", top1: 39.3, top5: 64.6, compression: 27.1)),
      ]
    case .binarizations:
      return (1...4).map { (planes: Int) in
        StudyVariant("M = \(planes)", settings.applied(to: .tang, binarizations: planes))
      }
    case .methods:
      return Method.all.flatMap { method -> [StudyVariant] in
        guard method.name == Method.tang.name else {
          return [
            StudyVariant(
              method.name, settings.applied(to: method), published: Self.publishedAlexNet[method.name])
          ]
        }
        return Set([1, 2, settings.binarizations]).sorted().map { planes in
          StudyVariant(
            "\(method.name), M = \(planes)", settings.applied(to: method, binarizations: planes),
            published: planes == 2
              ? PublishedFigures("AlexNet", top1: 46.6, top5: 71.1, compression: 31.2) : nil)
        }
      }
    case .all: return []
    }
  }

  /// What the methods reached on AlexNet, as published; DoReFa-Net with 1-bit weights and 1-bit activations.
  private static let publishedAlexNet: [String: PublishedFigures] = [
    "bnn": PublishedFigures("AlexNet", top1: 27.9), "xnor": PublishedFigures("AlexNet", top1: 44.2),
    "bwn": PublishedFigures("AlexNet", top1: 56.8), "dorefa": PublishedFigures("AlexNet", top1: 43.6),
  ]
}

extension StudySettings {
  /// A method with what the settings say of all runs.
  fileprivate func applied(to method: Method, binarizations: Int? = nil) -> Method {
    var result = method
    if let binarizations { result.binarizations = binarizations }
    if let learningRate { result.learningRate = learningRate }
    if let schedule { result.schedule = schedule }
    return result
  }
}

extension Method {
  /// The method with some settings exchanged.
  fileprivate func with(
    rate: Float? = nil, activation: Activation? = nil, lastLayer: LastLayer? = nil, scaleLayer: Bool? = nil,
    regularizer: Regularizer? = nil
  ) -> Method {
    var result = self
    if let rate { result.learningRate = rate }
    if let activation { result.activation = activation }
    if let lastLayer { result.lastLayer = lastLayer }
    if let scaleLayer { result.scaleLayer = scaleLayer }
    if let regularizer { result.regularizer = regularizer }
    return result
  }
}

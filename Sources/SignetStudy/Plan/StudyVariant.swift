// SPDX-License-Identifier: Apache-2.0

package import SignetTraining

/// One row of a study's table: a method with its settings, run once for each seed.
package struct StudyVariant: Hashable, Sendable {
  /// What tables and legends call it.
  package let title: String
  package let method: Method
  /// The paper's figures on ImageNet, where it has them.
  package let published: PublishedFigures?

  package init(_ title: String, _ method: Method, published: PublishedFigures? = nil) {
    self.title = title
    self.method = method
    self.published = published
  }

  /// What runs of the method are called: its name, and in what it departs from the method of that name.
  package var label: String { method.label }
}

/// What the paper reports, in percent; for other data, and so for the order of things, not for their size.
package struct PublishedFigures: Codable, Hashable, Sendable {
  package let network: String
  package let top1: Double
  package let top5: Double?
  package let compression: Double?

  package init(_ network: String, top1: Double, top5: Double? = nil, compression: Double? = nil) {
    self.network = network
    self.top1 = top1
    self.top5 = top5
    self.compression = compression
  }
}

extension Method {
  /// The method's name, and in what it departs from the method of that name: `tang-m2-lr1e-2-relu`.
  package var label: String {
    let own = Method.all.first { $0.name == name } ?? self
    var parts = [name]
    if binarizations != own.binarizations { parts.append("m\(binarizations)") }
    if learningRate != own.learningRate { parts.append("lr\(learningRate.scientific)") }
    if schedule != own.schedule { parts.append(schedule.rawValue) }
    if activation != own.activation { parts.append(activation.rawValue) }
    if lastLayer != own.lastLayer { parts.append("last-\(lastLayer.rawValue)") }
    if scaleLayer != own.scaleLayer { parts.append(scaleLayer ? "scale" : "no-scale") }
    if firstLayer != own.firstLayer { parts.append("first-\(firstLayer?.rawValue ?? "float32")") }
    switch regularizer {
    case own.regularizer: break
    case .none: parts.append("no-regularizer")
    case .bipolar(let factor): parts.append("bipolar\(factor.scientific)")
    case .l2(let factor): parts.append("l2-\(factor.scientific)")
    }
    return parts.joined(separator: "-")
  }
}

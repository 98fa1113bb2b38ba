// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Yams

/// A run's configuration as YAML, each real number as the shortest decimal that reads back to the same Float.
enum ConfigurationText {
  private static let head = "# A run of signet train; `signet train --resume --output DIR` goes on with it.\n"
  private static let noteStart = "# Until step "

  /// What `config.yaml` holds, where it held `before`: what makes up the run, and how its checkpoints are kept.
  static func file(
    _ configuration: RunConfiguration, checkpoints: CheckpointPlan, before: String?
  ) throws -> String {
    var text = head + (note(configuration.earlierShards ?? []) ?? notes(in: before ?? ""))
    text += try yaml(configuration)
    if let every = checkpoints.every { text += "checkpointEvery: \(every.text)\n" }
    if let keep = checkpoints.keep { text += "keep: \(keep)\n" }
    return text
  }

  /// How the run's checkpoints are kept; a value that is missing, or none, is as if it had not been asked for.
  static func checkpoints(in text: String) -> CheckpointPlan {
    let values = (try? Yams.compose(yaml: text))?.mapping
    let keep = values?["keep"]?.int.flatMap { CheckpointPlan.countRange.contains($0) ? $0 : nil }
    return CheckpointPlan(
      every: values?["checkpointEvery"]?.scalar.flatMap { CheckpointPace(argument: $0.string) }, keep: keep)
  }

  private static func note(_ earlier: [EarlierShards]) -> String? {
    guard let first = earlier.first else { return nil }
    let rest = earlier.dropFirst().map { ", until step \($0.untilStep) \(counted($0.shards, "shard"))" }
    return
      "\(noteStart)\(first.untilStep) each of its batches was \(counted(first.shards, "shard"))\(rest.joined()): it can't be repeated in one go.\n"
  }

  /// Runs from before have the note in the file alone.
  private static func notes(in text: String) -> String {
    text.split(separator: "\n").filter { $0.hasPrefix(noteStart) }.map { $0 + "\n" }.joined()
  }

  static func yaml(_ configuration: RunConfiguration) throws -> String {
    let text = try YAMLEncoder().encode(configuration)
    guard let node = try Yams.compose(yaml: text) else { return text }
    return try Yams.serialize(node: shortened(node))
  }

  /// The encoder writes a Float with the digits of a Double: 0.003 as 3.00000002607703e-3.
  private static func shortened(_ node: Node) -> Node {
    switch node {
    case .mapping(var mapping):
      for (key, value) in mapping { mapping[key] = shortened(value) }
      return .mapping(mapping)
    case .sequence(var sequence):
      for index in sequence.indices { sequence[index] = shortened(sequence[index]) }
      return .sequence(sequence)
    case .scalar(var scalar):
      // Text that looks like a number is in quotes; whole numbers have neither point nor exponent.
      guard scalar.style == .plain, scalar.string.contains(where: { ".e".contains($0) }),
        scalar.string.allSatisfy({ "0123456789+-.e".contains($0) }),
        let value = Float(scalar.string), value.isFinite
      else { return node }
      scalar.string = decimal(value)
      return .scalar(scalar)
    default: return node
    }
  }

  /// With a point in any case, without which some readers of YAML take 5e-07 for text.
  private static func decimal(_ value: Float) -> String {
    let text = value.description
    guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return text[..<exponent] + ".0" + text[exponent...]
  }
}

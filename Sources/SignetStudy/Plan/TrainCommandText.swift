// SPDX-License-Identifier: Apache-2.0

package import SignetTraining

/// The command that repeats a run of a study.
package enum TrainCommandText {
  /// `signet train` with the method's departures from the one of its name, and everything else that the run depends on.
  package static func text(_ run: RunConfiguration, networkOption: String, output: String) -> String {
    let (method, own) = (run.method, Method.all.first { $0.name == run.method.name } ?? run.method)
    var words = ["signet", "train"]
    func add(_ option: String, _ value: String) { words += [option, quoted(value)] }
    add("--data", run.data)
    add("--network", networkOption)
    // A file has a width of its own.
    let isBuiltIn = NetworkDescription.builtIn.contains { $0.name == networkOption }
    if run.network.width != nil || !isBuiltIn { add("--width", "\(run.network.width ?? 1)") }
    add("--method", method.name)
    if method.binarizations != own.binarizations { add("--binarizations", "\(method.binarizations)") }
    if method.activation != own.activation { add("--activation", method.activation.rawValue) }
    if method.lastLayer != own.lastLayer { add("--last-layer", method.lastLayer.rawValue) }
    if method.scaleLayer != own.scaleLayer { add("--scale-layer", method.scaleLayer ? "on" : "off") }
    if method.firstLayer != own.firstLayer {
      add("--first-layer", (method.firstLayer ?? .float32).rawValue)
    }
    if method.learningRate != own.learningRate { add("--learning-rate", method.learningRate.scientific) }
    if method.schedule != own.schedule { add("--schedule", method.schedule.rawValue) }
    if method.regularizer != own.regularizer { add("--regularizer", "\(method.regularizer)") }
    add("--epochs", "\(run.epochs)")
    add("--batch-size", "\(run.batchSize)")
    add("--validation", "\(run.validation)")
    add("--seed", "\(run.seed)")
    add("--augmentation", run.augmentation ?? "none")
    if let precision = run.precision { add("--precision", precision.rawValue) }
    if run.skipUnreadable == true { words.append("--skip-unreadable") }
    add("--output", output)
    return words.joined(separator: " ")
  }

  /// A word as a shell reads it.
  private static func quoted(_ word: String) -> String {
    let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:=,+@%".contains($0)) }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}

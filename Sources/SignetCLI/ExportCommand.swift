// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetTraining

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Compile a checkpoint into a compact model.")

  @Argument(help: "A run's checkpoint.safetensors.")
  var checkpoint: String

  @Option(help: "The compact model to write (.signet); an existing file is replaced.")
  var output: String

  @OptionGroup var printing: OutputOptions

  struct Result: Encodable {
    let output: String
    let fileBytes: Int
    let float32Bytes: Int
    let compression: Double
  }

  func validate() throws {
    guard !output.isEmpty else { throw ValidationError("--output is empty; name the file to write") }
  }

  func run() throws {
    // Resolved, since a checkpoint that is overwritten by its model is lost.
    guard
      URL(filePath: output).resolvingSymlinksInPath() != URL(filePath: checkpoint).resolvingSymlinksInPath()
    else {
      throw TrainingError(.badOption, "--output \(output) is the checkpoint itself; name another file")
    }
    let bytes = try Checkpoint(path: checkpoint).trainer.compactModel()
    // Loading what is about to be written costs little and keeps a bad file from ever being one.
    let report = ModelReport(try CompactModel(bytes: bytes, path: output))
    try bytes.withUnsafeBytes { try AtomicFile.write($0, to: output) }
    let result = Result(
      output: output, fileBytes: bytes.count, float32Bytes: report.float32Bytes,
      compression: report.compression)
    try printing.print(result) {
      print("\(output): \(bytes.count) bytes, \(String.fixed(report.compression, 1))× smaller than float32")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

@main
struct SignetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "signet",
    abstract: "Train compact binary neural networks and run them on ordinary CPUs.",
    version: "0.1.0",
    subcommands: [
      TrainCommand.self, EvaluateCommand.self, PredictCommand.self, ExportCommand.self, VerifyCommand.self,
      InspectCommand.self, BenchmarkCommand.self,
    ])

  static func main() {
    // A file that meets the limit of its size gets an error like that of a full disk, not a signal.
    signal(SIGXFSZ, SIG_IGN)
    main(nil)
  }
}

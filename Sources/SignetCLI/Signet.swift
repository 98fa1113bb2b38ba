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
      InspectCommand.self, BenchmarkCommand.self, StudyCommand.self,
    ])

  static func main() {
    // A file that meets the limit of its size gets an error like that of a full disk, not a signal.
    signal(SIGXFSZ, SIG_IGN)
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      var command = try parseAsRoot(arguments)
      try command.run()
    } catch {
      if exitCode(for: error) == .validationFailure, let unknown = unknownOption(among: arguments) {
        FileHandle.standardError.write(Data((unknown.replacing(fullMessage(for: error)) + "\n").utf8))
        exit(withError: ExitCode.validationFailure)
      }
      exit(withError: error)
    }
  }

  private static func unknownOption(among arguments: [String]) -> UnknownOption? {
    let command = configuration.subcommands.first { $0.configuration.commandName == arguments.first }
    return command.flatMap { UnknownOption(among: Array(arguments.dropFirst()), of: $0) }
  }
}

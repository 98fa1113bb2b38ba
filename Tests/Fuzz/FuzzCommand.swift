// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Feeds damaged files to every parser: none may crash, hang, take too much memory, or fail without an error of its own kind.
@main
struct FuzzCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "signet-fuzz",
    abstract: "Feed mutated files to every parser, and tell how many were read and refused.",
    discussion: """
      Each input follows from the parser's name, the seed and the input's number. Inputs that crash a parser, keep it busy for over a \
      second, take more memory than its limit, or end with a foreign error are written to --output, to be tried again with --replay.
      """)

  @Option(help: "Inputs in all, shared out over the parsers.")
  var inputs = 1_000_000

  @Option(help: "What all mutations derive from.")
  var seed: UInt64 = 1

  @Option(help: "One parser only: \(FuzzParser.allCases.map(\.rawValue).joined(separator: ", ")).")
  var parser: FuzzParser?

  @Option(help: "Where failing inputs are written.")
  var output = "fuzz-failures"

  @Option(help: "The command signet, which reads the networks.")
  var signet: String

  @Option(help: "Give this file to --parser, once.")
  var replay: String?

  @Option(help: .hidden)
  var workerRange: String?

  @Option(help: .hidden)
  var workerState: String?

  func validate() throws {
    guard (1...1_000_000_000).contains(inputs) else {
      throw ValidationError("--inputs \(inputs): give a number from 1 to 1000000000")
    }
    guard replay == nil || parser != nil else { throw ValidationError("--replay needs --parser") }
  }

  func run() throws {
    if let parser, let replay {
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: replay)))
      let place = try FuzzPlace(signet: signet)
      print("\(parser.rawValue): \(try parser.outcome(of: bytes, in: place))")
      return
    }
    if let parser, let workerRange, let workerState {
      let bounds = workerRange.split(separator: "-").compactMap { Int($0) }
      guard bounds.count == 2 else { throw ValidationError("--worker-range \(workerRange)") }
      try FuzzWorker(parser: parser, seed: seed, state: workerState, place: FuzzPlace(signet: signet))
        .run(bounds[0]..<bounds[1])
      return
    }
    var failures = 0
    print(
      "parser".padding(toLength: 14, withPad: " ", startingAt: 0) + "    inputs      read   refused  failures"
    )
    for parser in FuzzParser.allCases where self.parser == nil || self.parser == parser {
      let count = self.parser == nil ? max(1, Int(Double(inputs) * parser.share)) : inputs
      let report = try FuzzSupervisor(
        parser: parser, seed: seed, count: count, signet: signet, output: output
      ).run()
      failures += report.failures
      func column(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: " ", count: max(1, 10 - text.count)) + text
      }
      print(
        parser.rawValue.padding(toLength: 14, withPad: " ", startingAt: 0) + column(count)
          + column(report.read) + column(report.refused) + column(report.failures))
      fflush(nil)
    }
    guard failures == 0 else {
      print("\(failures) failed; their inputs are in \(output), for --parser NAME --replay FILE")
      throw ExitCode(1)
    }
  }
}

extension FuzzParser: ExpressibleByArgument {}

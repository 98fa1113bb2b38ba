// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs workers over the inputs of a parser; after one that fails, another goes on behind it.
struct FuzzSupervisor {
  struct Report {
    var read = 0
    var refused = 0
    var failures = 0
  }

  /// After so many failures a parser is not tried further.
  private static let mostFailures = 20

  let parser: FuzzParser
  let seed: UInt64
  let count: Int
  let signet: String
  let output: String

  func run() throws -> Report {
    var report = Report()
    var next = 0
    let path = NSTemporaryDirectory() + "/signet-fuzz-\(ProcessInfo.processInfo.processIdentifier).state"
    let state = try FuzzState.map(path, creating: true)
    defer { unlink(path) }
    while next < count, report.failures < Self.mostFailures {
      state.pointee = FuzzState(number: Int64(next))
      let process = try worker(next..<count, state: path)
      process.waitUntilExit()
      try? FileManager.default.removeItem(
        atPath: FuzzPlace.folder(ofProcess: process.processIdentifier))
      report.read += Int(state.pointee.read)
      report.refused += Int(state.pointee.refused)
      if process.terminationReason == .exit, process.terminationStatus == 0 { break }
      let number = Int(state.pointee.number)
      let what =
        switch (process.terminationReason, state.pointee.fault) {
        case (.exit, 1): "a foreign error"
        case (.exit, 2): "too long a time"
        case (.exit, _): "status \(process.terminationStatus)"
        default: "signal \(process.terminationStatus)"
        }
      try keep(number, what)
      report.failures += 1
      next = number + 1
    }
    return report
  }

  private func worker(_ range: Range<Int>, state: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: CommandLine.arguments[0])
    process.arguments = [
      "--parser", parser.rawValue, "--seed", "\(seed)", "--signet", signet, "--worker-range",
      "\(range.lowerBound)-\(range.upperBound)", "--worker-state", state,
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    try process.run()
    return process
  }

  /// Writes the input that failed.
  private func keep(_ number: Int, _ what: String) throws {
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let path = "\(output)/\(parser.rawValue)-\(seed)-\(number).bin"
    let place = try FuzzPlace(signet: signet)
    let mutator = Mutator(parser, samples: try parser.samples(in: place), seed: seed)
    try Data(mutator.input(number)).write(to: URL(filePath: path))
    print("\(parser.rawValue), input \(number): \(what); kept as \(path)")
  }
}

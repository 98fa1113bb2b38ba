// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What a run of the command left behind.
struct Outcome {
  let status: Int32
  /// Whether it ended by itself, not by a signal.
  let exited: Bool
  let output: String
  let errors: String

  var lastLine: String { output.split(separator: "\n").last.map(String.init) ?? "" }

  /// The JSON object on the last line.
  func json(sourceLocation: SourceLocation = #_sourceLocation) throws -> [String: Any] {
    try #require(exited && status == 0, "\(errors)", sourceLocation: sourceLocation)
    let value = try JSONSerialization.jsonObject(with: Data(lastLine.utf8))
    return try #require(value as? [String: Any], sourceLocation: sourceLocation)
  }
}

/// The built executable `signet`.
enum SignetProcess {
  struct NotBuilt: Error {}

  /// It lies beside the test bundle.
  static let executable: String? = {
    var folders = CommandLine.arguments.map { URL(filePath: $0).deletingLastPathComponent() }
    folders += [Bundle.main.bundleURL, Bundle.main.bundleURL.deletingLastPathComponent()]
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    folders.append(package.appending(path: ".build/release"))
    // A macOS bundle is a folder, with its binary three levels down.
    for folder in folders {
      var folder = folder
      for _ in 0..<4 {
        let candidate = folder.appending(path: "signet").path(percentEncoded: false)
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue,
          FileManager.default.isExecutableFile(atPath: candidate)
        {
          return candidate
        }
        folder.deleteLastPathComponent()
      }
    }
    return nil
  }()

  /// Starts `signet`, or `sh -c` with a script in which `"$@"` is `signet` and its arguments.
  static func start(
    _ arguments: [String], in folder: String, environment: [String: String] = [:], script: String? = nil,
    output: FileHandle, errors: FileHandle
  ) throws -> Process {
    guard let executable else { throw NotBuilt() }
    let process = Process()
    if let script {
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = ["-c", script, "sh", executable] + arguments
    } else {
      process.executableURL = URL(filePath: executable)
      process.arguments = arguments
    }
    process.currentDirectoryURL = URL(filePath: folder)
    var variables = ProcessInfo.processInfo.environment
    variables["SIGNET_ISA"] = nil
    // A crash is to end at once, and to be seen by its signal.
    variables["SWIFT_BACKTRACE"] = "enable=no"
    process.environment = variables.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    return process
  }

  /// Runs it to its end; two minutes are an error, not a measurement.
  static func run(
    _ arguments: [String], in folder: String, environment: [String: String] = [:], script: String? = nil
  ) throws -> Outcome {
    let capture = URL(filePath: try Workspace.newFolder())
    let files = [capture.appending(path: "output"), capture.appending(path: "errors")]
    let handles = try files.map { file in
      try Data().write(to: file)
      return try FileHandle(forWritingTo: file)
    }
    let process = try start(
      arguments, in: folder, environment: environment, script: script, output: handles[0], errors: handles[1])
    let watch = DispatchWorkItem { kill(process.processIdentifier, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watch)
    process.waitUntilExit()
    watch.cancel()
    for handle in handles { try handle.close() }
    let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    return Outcome(
      status: process.terminationStatus, exited: process.terminationReason == .exit, output: texts[0],
      errors: texts[1])
  }
}

/// Runs `signet` with these arguments.
func signet(
  _ arguments: String..., in folder: String, environment: [String: String] = [:]
) throws -> Outcome {
  try SignetProcess.run(arguments, in: folder, environment: environment)
}

/// Runs `signet` and expects a failure that says what is wrong: no crash, no result, and no file made or changed.
///
/// `status` is 1, or 64 for a usage error; `words` must be in the message; `changes` allows files to come and go, as in
/// a run that fails later on.
@discardableResult
func expectFailure(
  _ arguments: [String], in folder: String, status: Int32 = 1, says words: [String],
  environment: [String: String] = [:], script: String? = nil, changes: Bool = false,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Outcome {
  let before = changes ? [:] : try Workspace.contents(of: folder)
  let outcome = try SignetProcess.run(arguments, in: folder, environment: environment, script: script)
  let comment: Comment =
    "signet \(arguments.joined(separator: " ")) → \(outcome.status): \(outcome.output) \(outcome.errors)"
  #expect(outcome.exited, comment, sourceLocation: sourceLocation)
  #expect(outcome.status == status, comment, sourceLocation: sourceLocation)
  #expect(outcome.errors.hasPrefix("Error: "), comment, sourceLocation: sourceLocation)
  #expect(!outcome.errors.contains("Fatal error"), comment, sourceLocation: sourceLocation)
  for word in words {
    #expect(outcome.errors.contains(word), "“\(word)” is not in: \(comment)", sourceLocation: sourceLocation)
  }
  // Training and studies tell their progress first; no other command prints anything before it has succeeded.
  #expect(!outcome.output.contains("{"), comment, sourceLocation: sourceLocation)
  if !["train", "study"].contains(arguments.first) || !changes {
    #expect(outcome.output.isEmpty, comment, sourceLocation: sourceLocation)
  }
  if !changes {
    let after = try Workspace.contents(of: folder)
    #expect(after == before, comment, sourceLocation: sourceLocation)
  }
  return outcome
}

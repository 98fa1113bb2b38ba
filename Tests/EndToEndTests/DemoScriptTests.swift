// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What `Scripts/demo` does to the runs that are there, with a command in the place of `signet` that trains nothing.
///
/// Oracle: the folder before and after.
struct DemoScriptTests {
  private let folder: String

  init() throws {
    folder = try Workspace.newFolder()
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    try Workspace.copy(
      package.appending(path: "Scripts").path(percentEncoded: false), to: folder + "/Scripts")
    try script("Scripts/install-system-packages", "true")
    try script("bin/swift", "echo \"$PWD/bin\"")
    try script(
      "bin/signet",
      """
      if [[ $1 == train && -e refuse ]]; then exit 1; fi
      if [[ $1 == train ]]; then mkdir "${@: -1}"; echo new >"${@: -1}/model.signet"; fi
      [[ $1 != evaluate ]] || echo '{"count":10000,"milliseconds_per_image":0.0471,"top1":0.9043,"top5":0.998}'
      [[ $1 != inspect ]] || echo '{"compression":22.04,"file_bytes":40188,"float32_bytes":883584}'
      """)
    for (name, text) in [("demo", "good"), ("demo.previous", "older")] {
      try Workspace.write(Array("\(text)\n".utf8), to: folder + "/runs/\(name)/model.signet")
    }
  }

  private func script(_ path: String, _ text: String) throws {
    try Workspace.write(Array("#!/usr/bin/env bash\nset -e\n\(text)\n".utf8), to: folder + "/" + path)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/" + path)
  }

  private func demo(epochs: String?) throws -> Outcome {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try SignetProcess.run(
      [], in: folder, environment: ["PATH": "\(folder)/bin:\(path)", "SIGNET_DEMO_EPOCHS": epochs ?? ""],
      script: "exec Scripts/demo")
  }

  private func model(of run: String) throws -> String {
    String(decoding: try Workspace.read(folder + "/runs/\(run)/model.signet"), as: UTF8.self)
  }

  @Test(arguments: ["abc", "0", "-1", "1.5", "1e3", "01", "4 5", "99999999999999999999", "$(touch bad)"])
  func aWrongNumberOfEpochsMovesNothing(epochs: String) throws {
    let before = try Workspace.contents(of: folder)
    let outcome = try demo(epochs: epochs)
    #expect(outcome.status == 64)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("SIGNET_DEMO_EPOCHS"))
    #expect(try Workspace.contents(of: folder) == before)
  }

  @Test func aRunThatFailsLeavesTheOthers() throws {
    try Workspace.write([], to: folder + "/refuse")
    let before = try Workspace.contents(of: folder)
    let outcome = try demo(epochs: nil)
    #expect(outcome.status == 1 && outcome.output.contains("== Train"))
    #expect(try Workspace.contents(of: folder) == before)
  }

  @Test func aRunTakesTheNameOfTheOneBefore() throws {
    // What an interrupted demo left is in nobody's way.
    try Workspace.write([1], to: folder + "/runs/demo.new/config.yaml")
    let outcome = try demo(epochs: "2")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try Workspace.names(in: folder + "/runs") == ["demo", "demo.previous"])
    #expect(try model(of: "demo") == "new\n")
    #expect(try model(of: "demo.previous") == "good\n")
    #expect(
      outcome.output.contains(
        "== Evaluate on the test images\n10000 images: top-1 90.43 %, top-5 99.80 %, 0.047 ms per image\n"))
  }
}

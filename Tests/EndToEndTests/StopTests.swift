// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Runs that are asked to stop while they have long work to do.
struct StopTests {
  /// Steps and measurements that take about a second.
  private static let network = """
    name: slow
    layers:
      - {type: convolution, name: conv1, filters: 512, kernel: 3, padding: 1}
      - {type: convolution, name: conv2, filters: 512, kernel: 3, padding: 1}
      - {type: convolution, name: conv3, filters: 512, kernel: 3, padding: 1}
      - {type: convolution, name: conv4, filters: 512, kernel: 3, padding: 1}
      - {type: convolution, name: conv5, kernel: 1}
      - {type: average_pool}

    """

  private static func newFolder() throws -> String {
    let folder = try Workspace.newFolderWithData()
    try Workspace.write(Array(network.utf8), to: folder + "/net.yaml")
    return folder
  }

  private static func arguments(_ output: String, validation: Int, batch: Int, epochs: Int) -> [String] {
    [
      "train", "--data", "idx:data", "--network", "net.yaml", "--epochs", "\(epochs)", "--batch-size",
      "\(batch)",
      "--validation", "\(validation)", "--threads", "1", "--output", output, "--json",
    ]
  }

  /// Waits for a checkpoint of so many steps; its header alone is read, for what is waited for may be over soon.
  private static func await(_ step: Int, of run: String, _ process: Process) {
    func isThere() -> Bool {
      guard let file = FileHandle(forReadingAtPath: run + "/checkpoint.safetensors") else { return false }
      defer { try? file.close() }
      // Metadata come first in the header, and other steps than 0 and 1 are not asked for.
      let text = String(decoding: (try? file.read(upToCount: 8192)) ?? Data(), as: UTF8.self)
      return text.contains(#"\"step\":\#(step)"#)
    }
    let deadline = Date(timeIntervalSinceNow: 60)
    while !isThere(), process.isRunning, Date() < deadline { usleep(1000) }
  }

  /// Oracle: the signal that ended the process.
  @Test(arguments: [(SIGINT, SIGTERM), (SIGTERM, SIGINT), (SIGINT, SIGINT)])
  func aSecondSignalOfEitherKindEndsAtOnce(first: Int32, second: Int32) throws {
    let folder = try Self.newFolder()
    let process = try SignetProcess.start(
      Self.arguments("run", validation: 0, batch: 200, epochs: 50), in: folder, output: .nullDevice,
      errors: .nullDevice)
    Self.await(0, of: folder + "/run", process)
    kill(process.processIdentifier, first)
    usleep(50_000)
    kill(process.processIdentifier, second)
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == second)
  }

  /// Oracle: the unbroken run, byte for byte.
  @Test(arguments: [SIGTERM, SIGHUP, SIGKILL]) func nothingIsLostInValidation(signal: Int32) throws {
    let folder = try Self.newFolder()
    func arguments(_ output: String) -> [String] {
      Self.arguments(output, validation: 220, batch: 20, epochs: 2)
    }
    _ = try SignetProcess.run(arguments("whole"), in: folder).json()
    let process = try SignetProcess.start(
      arguments("run"), in: folder, output: .nullDevice, errors: .nullDevice)
    Self.await(1, of: folder + "/run", process)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    if signal != SIGKILL {
      #expect(process.terminationReason == .exit && process.terminationStatus == 130)
    }
    #expect(ResumeTests.epoch(of: folder + "/run") == 0, "its only step is done, its figures are not")
    let resumed = try signet("train", "--resume", "--output", "run", "--json", in: folder)
    #expect(try resumed.json()["steps"] as? Int == 2)
    #expect(resumed.output.contains("goes on after step 1, in epoch 1 of 2"))
    try ResumeTests.expectEqualRuns(folder + "/run", folder + "/whole")
  }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The command `study` on a small data set.
///
/// Oracles: the same study, unbroken; `signet train` and `signet evaluate` for each run.
struct StudyTests {
  private static let epochs = 40

  private static func arguments(_ study: String = "last-layer", epochs: Int = epochs) -> [String] {
    [
      "study", study, "--data", "idx:data", "--network", "net.yaml", "--output", "study", "--epochs",
      "\(epochs)", "--batch-size", "16", "--seeds", "3,1", "--validation", "40", "--threads", "2",
    ]
  }

  /// A folder with the study as it is without an interruption; not to be changed.
  private static let unbroken = Result {
    let folder = try Workspace.newFolderWithData()
    let outcome = try SignetProcess.run(arguments() + ["--json"], in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return (folder: folder, outcome: outcome)
  }

  private static func json(_ folder: String) throws -> [String: Any] {
    let data = Data(try Workspace.read(folder + "/study/study.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  private static func runs(_ folder: String) throws -> [[String: Any]] {
    try #require(try json(folder)["runs"] as? [[String: Any]])
  }

  /// `study.json` without what depends on time and machine, as comparable text.
  private static func timeless(_ folder: String) throws -> String {
    func stripped(_ value: Any) -> Any {
      if let list = value as? [Any] { return list.map(stripped) }
      guard let object = value as? [String: Any] else { return value }
      return object.filter { !["sessions", "times", "milliseconds_per_image"].contains($0.key) }.mapValues(
        stripped)
    }
    let data = try JSONSerialization.data(
      withJSONObject: stripped(try json(folder)), options: [.sortedKeys, .prettyPrinted])
    return String(decoding: data, as: UTF8.self)
  }

  private static func expectEqualStudies(_ folder: String, _ other: String) throws {
    #expect(try timeless(folder) == timeless(other))
    let names = try Workspace.names(in: other + "/study")
    #expect(try Workspace.names(in: folder + "/study") == names)
    for name in names where name.hasSuffix(".svg") {
      #expect(
        try Workspace.read("\(folder)/study/\(name)") == Workspace.read("\(other)/study/\(name)"), "\(name)")
    }
    let runs = try Workspace.names(in: other + "/study/runs")
    #expect(try Workspace.names(in: folder + "/study/runs") == runs)
    for run in runs {
      let (own, its) = ("\(folder)/study/runs/\(run)", "\(other)/study/runs/\(run)")
      for name in ["checkpoint.safetensors", "model.signet", "config.yaml"] {
        #expect(try Workspace.read("\(own)/\(name)") == Workspace.read("\(its)/\(name)"), "\(run)/\(name)")
      }
      #expect(try Metrics.timeless(own) == Metrics.timeless(its), "\(run)")
    }
  }

  /// How many runs are done, and how many epochs of all runs have checkpoints.
  private static func progress(_ folder: String) -> Int {
    let runs = (try? Workspace.names(in: folder + "/study/runs")) ?? []
    return runs.reduce(0) { sum, run in
      let path = "\(folder)/study/runs/\(run)/checkpoint.safetensors"
      guard let archive = try? SafetensorsEditor(path: path),
        let text = archive.metadata["progress"] as? String,
        let progress = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      else { return sum }
      return sum + 1 + (progress["epoch"] as? Int ?? 0)
    }
  }

  /// Starts the study, and sends a signal once there are so many runs and epochs; what it said, and how it ended.
  private static func interrupt(
    _ arguments: [String] = arguments(), in folder: String, at wanted: Int, by number: Int32
  ) throws -> Process {
    let process = try SignetProcess.start(arguments, in: folder, output: .nullDevice, errors: .nullDevice)
    let deadline = Date(timeIntervalSinceNow: 90)
    while progress(folder) < wanted, process.isRunning, Date() < deadline { usleep(300) }
    kill(process.processIdentifier, number)
    process.waitUntilExit()
    return process
  }

  @Test func aWholeStudy() throws {
    let (folder, outcome) = try Self.unbroken.get()
    let result = try outcome.json()
    #expect(result["finished"] as? Bool == true && result["runs"] as? Int == 6 && result["done"] as? Int == 6)
    #expect(outcome.output.contains("[1/6] tang-last-full, seed 3"))
    #expect(outcome.output.contains("[6/6] tang, seed 1"))
    #expect(outcome.output.contains("study ") && outcome.output.contains(" left"))
    let page = String(decoding: try Workspace.read(folder + "/study/study.md"), as: UTF8.self)
    for run in try Workspace.names(in: folder + "/study/runs") {
      #expect(page.contains("| runs/\(run) | \(Self.epochs) |"))
    }
    #expect(page.contains("](last-layer-accuracy.svg)"))
    #expect(
      try Workspace.names(in: folder + "/study") == [
        "last-layer-accuracy.svg", "runs", "study.json", "study.md",
      ])
  }

  /// What is told of a run is what the other commands say of its folder, and its command makes the same run again.
  @Test func eachRunIsOneOfTrain() throws {
    let folder = try Workspace.newFolderWithData()
    let source = try Self.unbroken.get().folder
    for run in try Self.runs(source) {
      let name = try #require(run["folder"] as? String)
      let outcome = try #require(run["outcome"] as? [String: Any])
      let test = try #require(outcome["test"] as? [String: Any])
      let model = "\(source)/study/\(name)/model.signet"
      let evaluated = try signet("evaluate", model, "--data", "idx:data", "--json", in: folder).json()
      for key in ["count", "top1", "top5"] {
        #expect(evaluated[key] as? Double == test[key] as? Double, "\(name) \(key)")
      }
      #expect(evaluated["logits_sha256"] as? String == test["logits_sha256"] as? String)
      #expect(try outcome["file_bytes"] as? Int == Workspace.size(of: model))
      let inspected = try signet("inspect", model, "--json", in: folder).json()
      #expect(inspected["compression"] as? Double == outcome["compression"] as? Double)

      let epochs = try #require(outcome["epochs"] as? [[String: Any]])
      let lines = try Metrics.lines(of: "\(source)/study/\(name)").filter { $0["kind"] as? String == "epoch" }
      #expect(
        epochs.compactMap { $0["validation_top1"] as? Double }
          == lines.compactMap { $0["validation_top1"] as? Double } && epochs.count == Self.epochs)

      let command = try #require(run["command"] as? String).split(separator: " ").map(String.init)
      try #require(command.first == "signet")
      let repeated = try SignetProcess.run(Array(command.dropFirst()), in: folder)
      try #require(repeated.status == 0, "\(repeated.errors)")
      let output = try #require(command.last)
      #expect(
        try Workspace.read("\(folder)/\(output)/checkpoint.safetensors")
          == Workspace.read("\(source)/study/\(name)/checkpoint.safetensors"))
    }
  }

  @Test func aFinishedStudyIsLeftAsItIs() throws {
    let folder = try Workspace.newFolderWithData()
    let source = try Self.unbroken.get().folder
    try Workspace.copy(source + "/study", to: folder + "/study")
    let again = try signet("study", "last-layer", "--output", "study", "--json", in: folder)
    #expect(try again.json()["finished"] as? Bool == true)
    try Self.expectEqualStudies(folder, source)
  }

  /// Killed over and over: before the first checkpoint, within runs, between them.
  @Test(arguments: [0, 25]) func aKilledStudyGoesOn(first: Int) throws {
    let folder = try Workspace.newFolderWithData()
    var (wanted, kills) = (first, 0)
    while wanted < 6 * (Self.epochs + 1) {
      let process = try Self.interrupt(in: folder, at: wanted, by: SIGKILL)
      guard process.terminationReason == .uncaughtSignal else { break }
      kills += 1
      wanted = max(wanted, Self.progress(folder)) + 60
    }
    #expect(kills >= 2)
    let last = try SignetProcess.run(Self.arguments() + ["--json"], in: folder)
    #expect(try last.json()["finished"] as? Bool == true)
    try Self.expectEqualStudies(folder, try Self.unbroken.get().folder)
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aStoppedStudySaysWhatIsKeptAndGoesOn(number: Int32) throws {
    let folder = try Workspace.newFolderWithData()
    let capture = URL(filePath: folder + "/errors")
    try Data().write(to: capture)
    let errors = try FileHandle(forWritingTo: capture)
    let process = try SignetProcess.start(Self.arguments(), in: folder, output: .nullDevice, errors: errors)
    let deadline = Date(timeIntervalSinceNow: 90)
    while Self.progress(folder) < Self.epochs + 15, process.isRunning, Date() < deadline { usleep(300) }
    kill(process.processIdentifier, number)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 130)
    let said = try String(contentsOf: capture, encoding: .utf8)
    let done = try Self.runs(folder).count { $0["outcome"] != nil }
    #expect((1..<6).contains(done))
    #expect(
      said.hasPrefix("stopped: \(done) of 6 runs are done") && said.contains("the same command goes on"))
    let page = String(decoding: try Workspace.read(folder + "/study/study.md"), as: UTF8.self)
    #expect(page.contains("**Not finished:** \(done) of 6 runs are done"))
    try FileManager.default.removeItem(at: capture)

    let resumed = try SignetProcess.run(Self.arguments(), in: folder)
    #expect(resumed.status == 0 && resumed.output.contains("\(done) are done"))
    #expect(!resumed.output.contains("[\(done)/6]") && resumed.output.contains("[\(done + 1)/6]"))
    try Self.expectEqualStudies(folder, try Self.unbroken.get().folder)
  }

  @Test func equalRunsOfSeveralStudiesAreDoneOnce() throws {
    let folder = try Workspace.newFolderWithData()
    let arguments = [
      "study", "all", "--data", "idx:data", "--network", "net.yaml", "--output", "study", "--epochs", "1",
      "--batch-size", "32", "--json",
    ]
    let result = try SignetProcess.run(arguments, in: folder).json()
    #expect(result["finished"] as? Bool == true)
    let runs = try Self.runs(folder)
    #expect(runs.count == result["runs"] as? Int)
    #expect(Set(runs.compactMap { $0["folder"] as? String }).count == runs.count)
    let shared = try #require(runs.first { $0["label"] as? String == "tang-last-full" })
    #expect(shared["studies"] as? [String] == ["activation", "regularizer", "last-layer"])
    // Any study of its own comes to the same figures.
    let own = try Workspace.newFolderWithData()
    let alone = ["study", "last-layer"] + arguments.dropFirst(2)
    #expect(try SignetProcess.run(alone, in: own).json()["runs"] as? Int == 3)
    for run in try Self.runs(own) {
      let label = try #require(run["label"] as? String)
      let same = try #require(runs.first { $0["label"] as? String == label })
      func test(_ run: [String: Any]) -> [String: Any]? {
        (run["outcome"] as? [String: Any])?["test"] as? [String: Any]
      }
      #expect(test(run)?["logits_sha256"] as? String == test(same)?["logits_sha256"] as? String)
    }
  }

  @Test func aTimeBudgetIsKeptOrSaidToBeUsedUp() throws {
    let folder = try Workspace.newFolderWithData()
    let arguments = Self.arguments(epochs: 1_000_000)
    try expectFailure(
      arguments + ["--time-budget", "1s"], in: folder, says: ["--time-budget 1s", "one epoch", "6 runs"],
      changes: true)
    #expect(try !Workspace.names(in: folder).contains("study"))
    let outcome = try SignetProcess.run(arguments + ["--time-budget", "25s"], in: folder)
    #expect(outcome.output.contains("which does not fit into the time budget of 25s: each run gets"))
    let epochs = try #require(try Self.json(folder)["epochs"] as? Int)
    #expect((1..<1_000_000).contains(epochs))
    for run in try Self.runs(folder) {
      #expect((run["configuration"] as? [String: Any])?["epochs"] as? Int == epochs, "equal for all")
    }
    if outcome.status != 0 {
      // Another process took the machine: said, and not passed over.
      #expect(outcome.errors.contains("the time budget of 25s is used up"), "\(outcome.errors)")
    } else {
      #expect(try Self.json(folder)["finished"] as? Bool == true)
    }
  }

  /// A budget that is used up by the sessions before; more time goes on with the same numbers.
  @Test func aUsedUpBudgetStopsAtOnce() throws {
    let folder = try Workspace.newFolderWithData()
    _ = try Self.interrupt(in: folder, at: Self.epochs / 2, by: SIGINT)
    let arguments = Self.arguments() + ["--time-budget"]
    // A study that has taken an hour.
    let path = folder + "/study/study.json"
    let text = String(decoding: try Workspace.read(path), as: UTF8.self)
    let late = text.replacing(/"seconds" : [0-9.e-]+,\n +"started"/, with: "\"seconds\" : 3600, \"started\"")
    try #require(late != text)
    try Workspace.write(Array(late.utf8), to: path)
    let used = try SignetProcess.run(arguments + ["60m"], in: folder)
    #expect(used.status == 1 && used.errors.contains("the time budget of 1h is used up"), "\(used.errors)")
    #expect(try SignetProcess.run(arguments + ["2h"], in: folder).status == 0)
    try Self.expectEqualStudies(folder, try Self.unbroken.get().folder)
  }
}

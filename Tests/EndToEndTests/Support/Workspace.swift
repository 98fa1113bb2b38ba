// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

/// Folders of this test process, removed when it ends.
enum Workspace {
  private static let root: Result<String, any Error> = Result {
    let url = FileManager.default.temporaryDirectory.appending(
      path: "signet-end-to-end-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    atexit { Workspace.remove() }
    return url.path(percentEncoded: false)
  }
  private static let count = Mutex(0)

  private static func remove() {
    if let path = try? root.get() { try? FileManager.default.removeItem(atPath: path) }
  }

  /// A new empty folder.
  static func newFolder() throws -> String {
    let number = count.withLock { count in
      count += 1
      return count
    }
    let path = try root.get() + "/\(number)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// A new folder with the small data set `data` and the network `net.yaml`.
  static func newFolderWithData() throws -> String {
    let folder = try newFolder()
    try SampleData.small.write(to: folder + "/data")
    try write(Array(SampleData.network.utf8), to: folder + "/net.yaml")
    return folder
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    let url = URL(filePath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  static func read(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
  }

  static func size(of path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
  }

  static func copy(_ from: String, to path: String) throws {
    try FileManager.default.copyItem(atPath: from, toPath: path)
  }

  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// Every file and folder below a folder; folders have no bytes.
  static func contents(of folder: String) throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in FileManager.default.enumerator(atPath: folder) ?? .init() {
      guard let name = name as? String else { continue }
      contents[name] = (try? Data(contentsOf: URL(filePath: folder + "/" + name))) ?? Data()
    }
    return contents
  }
}

/// A run that most tests look at: five classes, two planes, six epochs.
struct TrainedRun {
  let folder: String
  let outcome: Outcome

  static let epochs = 6
  static let batchSize = 32
  static let validation = 40

  /// With data, network and the run `run`; not to be changed.
  static let shared = Result {
    let folder = try Workspace.newFolderWithData()
    let outcome = try signet(
      "train", "--data", "idx:data", "--network", "net.yaml", "--method", "tang", "--binarizations", "2",
      "--epochs", "\(epochs)", "--learning-rate", "0.01", "--batch-size", "\(batchSize)", "--validation",
      "\(validation)", "--output", "run", "--json", in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
    return TrainedRun(folder: folder, outcome: outcome)
  }

  var model: String { folder + "/run/model.signet" }
  var checkpoint: String { folder + "/run/checkpoint.safetensors" }

  /// A folder of one's own with data, network and the run.
  static func copy() throws -> String {
    let folder = try Workspace.newFolder()
    let source = try shared.get().folder
    for name in ["data", "net.yaml", "run"] {
      try Workspace.copy(source + "/" + name, to: folder + "/" + name)
    }
    return folder
  }
}

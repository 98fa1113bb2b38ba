// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import SignetData

/// What a process needs to try inputs: a folder for files, a reader of images, the command.
final class FuzzPlace {
  /// A parser without an error of its own has refused an input.
  struct Refusal: Error {}

  /// Something that an input must not bring about.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let folder: String
  private let signet: String
  private let reader: ImageReader

  init(signet: String) throws {
    self.signet = signet
    reader = try ImageReader()
    folder = Self.folder(ofProcess: ProcessInfo.processInfo.processIdentifier)
    try FileManager.default.createDirectory(atPath: folder + "/cifar", withIntermediateDirectories: true)
  }

  /// The folder of a process, in memory if possible.
  static func folder(ofProcess number: Int32) -> String {
    let memory = "/dev/shm"
    let root = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
    return "\(root)/signet-fuzz-\(number)"
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Writes an input as a file of the folder, and returns its path.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    let path = folder + "/" + name
    guard let file = fopen(path, "wb") else { throw Failure(description: "\(path) can't be written") }
    let written = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, written == bytes.count else {
      throw Failure(description: "\(path) can't be written")
    }
    return path
  }

  /// Decodes an image whole, and the part of it that training would take.
  func readImage(_ bytes: [UInt8]) throws {
    let path = try write(bytes, as: "image")
    let layout = ImageLayout(height: 16, width: 16, channels: 3, resize: .centerCrop)
    var output = [UInt8](repeating: 0, count: 16 * 16 * 3)
    // A function of the input, so that a replay does the same.
    var sum = UInt64(bytes.count)
    for byte in bytes.prefix(64) { sum = sum &* 31 &+ UInt64(byte) }
    let crop = ResizedCrop(random: SplitMix64(seed: sum))
    var refusal: DataError?
    for crop in [crop, nil] {
      do {
        try output.withUnsafeMutableBufferPointer {
          try reader.read(path: path, as: layout, crop: crop, into: $0)
        }
      } catch {
        refusal = error as? DataError
        if refusal == nil { throw error }
      }
    }
    _ = try ImageDecoder.decode(bytes: bytes, path: path)
    if let refusal { throw refusal }
  }

  /// The most multiply-adds of a model that is run, and bytes of what it computes in: thousands of such runs take seconds.
  private static let mostWork = 2_000_000
  private static let mostArenaBytes = 1 << 26

  /// Gives a model that was accepted, and asks for little work, to the engine, and lets it name what is in an image.
  ///
  /// Logits that are no finite numbers are an answer: weights may be any.
  func predict(with model: CompactModel) throws {
    let report = ModelReport(model)
    let work = [report.binaryMACs, report.floatMACs, report.byteMACs].reduce(0) { sum, work in
      let (all, overflow) = sum.addingReportingOverflow(work)
      return overflow ? .max : all
    }
    let shape = model.inputShape
    let values = report.rows.reduce(shape.count) { max($0, $1.output.count) }
    guard work <= Self.mostWork, values <= Self.mostWork, report.float32Bytes <= Self.mostArenaBytes else {
      return
    }
    let engine = try Engine(model)
    guard engine.arenaBytes <= Self.mostArenaBytes else { return }
    var random = SplitMix64(seed: UInt64(shape.count))
    let pixels = (0..<shape.count).map { _ in UInt8(random.index(below: 256)) }
    do {
      let named = try engine.predict(pixels: pixels, top: 1)
      guard named.count == 1, named[0].count == 1 else {
        throw Failure(description: "the engine named \(named.count) images for one")
      }
    } catch let error as EngineError where error.code == .notFinite {}
  }

  /// Lets the command tell what a network file holds.
  func inspect(_ path: String) throws {
    let process = Process()
    // The limit is in whole seconds, for a process that never ends; what is work for over a second is told behind it.
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-c", "ulimit -t 30 && exec \"$0\" \"$@\"", signet, "inspect", "--network", path, "--input", "28x28x1",
      "--json",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    let answer = try write([], as: "answer")
    let errors = Pipe()
    process.standardOutput = FileHandle(forWritingAtPath: answer)
    process.standardError = errors
    let before = Self.secondsOfChildren
    try process.run()
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let work = Self.secondsOfChildren - before
    guard
      work <= FuzzWorker.mostSeconds
        + Self.secondsOfWeights(FileManager.default.contents(atPath: answer) ?? Data())
    else {
      throw Failure(description: "signet inspect worked for \(work) s")
    }
    guard process.terminationReason == .exit else {
      throw Failure(description: "signet inspect ended with signal \(process.terminationStatus)")
    }
    if process.terminationStatus == 0 { return }
    guard process.terminationStatus == 1, said.hasPrefix("Error: "), !said.contains("Fatal error") else {
      throw Failure(
        description: "signet inspect ended with \(process.terminationStatus): \(said.prefix(300))")
    }
    throw Refusal()
  }

  /// What a network that is accepted may take longer for its weights, which are made and packed: a second for each 50 MB of floats.
  private static func secondsOfWeights(_ json: Data) -> Double {
    let report = try? JSONSerialization.jsonObject(with: json) as? [String: Any]
    return (report?["float32_bytes"] as? Double ?? 0) / 50e6
  }

  /// What processes that have ended have worked.
  private static var secondsOfChildren: Double {
    var usage = rusage()
    getrusage(children, &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}

#if canImport(Darwin)
private let children = RUSAGE_CHILDREN
#else
private let children = __rusage_who_t(RUSAGE_CHILDREN.rawValue)
#endif

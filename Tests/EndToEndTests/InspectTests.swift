// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The size that is told is the size on the disk, for every network.
///
/// Oracles: the file system's size, and weights counted by hand from the networks' papers.
struct InspectTests {
  struct Network: CustomTestStringConvertible {
    let name: String
    let weights: Int
    var options: [String] = []
    /// What the file says it is, where that is not the name.
    var title: String?
    var testDescription: String { ([name] + options).joined(separator: " ") }
  }

  /// 28×28 inputs and 10 classes where the network leaves them open.
  static let ninSmall = 32 * 25 + 64 * 288 + 128 * 576 + 128 * 128 + 96 * 1152 + 10 * 96
  static let mlp = 784 * 512 + 2 * 512 * 512 + 512 * 10
  static let nin =
    96 * 363 + 2 * 96 * 96 + 256 * 2400 + 2 * 256 * 256 + 384 * 2304 + 2 * 384 * 384 + 1024 * 3456 + 1024
    * 1024
    + 1024 * 1000
  static let alexNet =
    96 * 363 + 256 * 25 * 48 + 384 * 2304 + 384 * 1728 + 256 * 1728 + 4096 * 9216 + 4096 * 4096 + 4096 * 1000

  static let networks = [
    Network(name: "nin-small", weights: ninSmall),
    Network(name: "nin-small", weights: ninSmall, options: ["--binarizations", "2"]),
    Network(name: "nin-small", weights: ninSmall, options: ["--last-layer", "full"]),
    Network(name: "nin-small", weights: ninSmall, options: ["--method", "full-precision"]),
    Network(name: "nin-small", weights: ninSmall + 32 * 50, options: ["--input", "32x32x3"]),
    Network(name: "mlp", weights: mlp),
    Network(name: "mlp", weights: mlp, options: ["--binarizations", "2", "--activation", "relu"]),
    Network(name: "mlp", weights: mlp, options: ["--last-layer", "full", "--scale-layer", "off"]),
    Network(name: "mlp", weights: mlp, options: ["--method", "full-precision"]),
    Network(name: "nin", weights: nin),
    Network(name: "nin", weights: nin, options: ["--binarizations", "2"]),
    Network(name: "nin", weights: nin, options: ["--last-layer", "full"]),
    Network(name: "nin", weights: nin, options: ["--first-layer", "int8"]),
    Network(name: "mlp", weights: mlp, options: ["--first-layer", "int8", "--binarizations", "2"]),
    Network(
      name: "nin-small", weights: ninSmall, options: ["--first-layer", "int8", "--method", "full-precision"]),
    Network(name: "alexnet", weights: alexNet),
    Network(name: "nin-cifar", weights: 965_568),
    Network(
      name: "nin-cifar", weights: ninCifarHalf, options: ["--width", "0.5", "--binarizations", "2"],
      title: "nin-cifar width 0.5"),
    Network(
      name: "nin-cifar", weights: ninCifarHalf, options: ["--width=0.5", "--first-layer", "int8"],
      title: "nin-cifar width 0.5"),
    Network(name: "nin-cifar", weights: 965_568, options: ["--width", "1"]),
    Network(name: "vgg-small", weights: 14_022_016),
    Network(
      name: "mlp", weights: 784 * 1024 + 2 * 1024 * 1024 + 1024 * 10, options: ["--width", "2"],
      title: "mlp width 2.0"),
  ]
  static let ninCifarHalf =
    96 * 75 + 80 * 96 + 48 * 80 + 96 * 1200 + 2 * 96 * 96 + 96 * 864 + 96 * 96 + 10 * 96

  @Test(arguments: networks) func totalsAreTheFiles(network: Network) throws {
    let folder = try Workspace.newFolder()
    let options = ["--network", network.name] + network.options
    let written = try SignetProcess.run(
      ["inspect"] + options + ["--write", "it.signet", "--json"], in: folder)
    let result = try written.json()
    try Self.check(result, fileBytes: Workspace.size(of: folder + "/it.signet"), weights: network.weights)
    #expect(result["network"] as? String == network.title ?? network.name)
    let read = try signet("inspect", "it.signet", "--json", in: folder)
    #expect(read.lastLine == written.lastLine)
    try FileManager.default.removeItem(atPath: folder + "/it.signet")
  }

  /// A YAML file's own width, and one in its place.
  @Test func widthsOfAFile() throws {
    let folder = try Workspace.newFolder()
    try Workspace.write(Array("width: 2\n\(SampleData.network)".utf8), to: folder + "/net.yaml")
    for (options, filters, name) in [
      ([], (32, 80), "tiny width 2.0"), (["--width", "4"], (64, 160), "tiny width 4.0"),
      (["--width", "1"], (16, 40), "tiny"),
    ] {
      let result = try SignetProcess.run(
        ["inspect", "--network", "net.yaml", "--json"] + options, in: folder
      ).json()
      #expect(try Self.weights(result) == filters.0 * 9 + filters.1 * 9 * filters.0 + 10 * filters.1)
      #expect(result["network"] as? String == name)
    }
  }

  /// The weights of all layers of an inspection.
  static func weights(_ result: [String: Any]) throws -> Int {
    try #require(result["layers"] as? [[String: Any]]).reduce(0) { $0 + ($1["weights"] as? Int ?? 0) }
  }

  /// The sums of an inspection, against the file.
  static func check(_ result: [String: Any], fileBytes: Int, weights: Int) throws {
    let layers = try #require(result["layers"] as? [[String: Any]])
    func sum(_ key: String) throws -> Int { try layers.reduce(0) { try $0 + #require($1[key] as? Int) } }
    let header = try #require(result["header_bytes"] as? Int)
    #expect(result["file_bytes"] as? Int == fileBytes)
    #expect(try sum("bytes") + header == fileBytes)
    #expect(try sum("weights") == weights)
    #expect(result["float32_bytes"] as? Int == 4 * weights)
    // Decimal text may differ from the quotient in its last digit.
    let compression = try #require(result["compression"] as? Double)
    #expect(abs(compression * Double(fileBytes) / Double(4 * weights) - 1) < 1e-12)
    #expect(result["binary_macs"] as? Int == (try sum("binary_macs")))
    #expect(result["float_macs"] as? Int == (try sum("float_macs")))
    #expect(result["byte_macs"] as? Int == (try sum("byte_macs")))
  }

  /// The paper has 27.1 for its best variant, and about 6 with a last layer in full precision.
  @Test func compressionOfNIN() throws {
    let folder = try Workspace.newFolder()
    let binary = try signet("inspect", "--network", "nin", "--method", "tang", "--json", in: folder).json()
    #expect(try #require(binary["compression"] as? Double) >= 26.5)
    let full = try signet("inspect", "--network", "nin", "--last-layer", "full", "--json", in: folder).json()
    #expect((5.5...6.5).contains(try #require(full["compression"] as? Double)))
    // 54²·96 outputs of 11·11·3 products.
    #expect(binary["float_macs"] as? Int == 54 * 54 * 96 * 363)
    let bytes = try signet("inspect", "--network", "nin", "--first-layer", "int8", "--json", in: folder)
      .json()
    #expect(try #require(bytes["compression"] as? Double) >= 29)
    #expect(bytes["float_macs"] as? Int == 0)
    #expect(bytes["byte_macs"] as? Int == 54 * 54 * 96 * 363)
    let planes = try signet(
      "inspect", "--network", "nin", "--first-layer", "int8", "--binarizations", "2", "--json", in: folder
    ).json()
    #expect(try #require(planes["compression"] as? Double) >= 29)
  }

  @Test func aCheckpointIsInspectedAsItsModel() throws {
    let run = try TrainedRun.shared.get()
    let model = try signet("inspect", run.model, "--json", in: run.folder)
    try Self.check(model.json(), fileBytes: Workspace.size(of: run.model), weights: 144 + 5760 + 200)
    #expect(try signet("inspect", run.checkpoint, "--json", in: run.folder).lastLine == model.lastLine)
  }

  @Test func aNetworkFileIsInspected() throws {
    let run = try TrainedRun.shared.get()
    let result = try signet(
      "inspect", "--network", "net.yaml", "--input", "12x12x1", "--classes", "5", "--json", in: run.folder
    ).json()
    #expect(result["float32_bytes"] as? Int == 4 * (144 + 5760 + 200))
  }
}

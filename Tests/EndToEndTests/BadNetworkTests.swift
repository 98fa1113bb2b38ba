// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Network files that are wrong: the message names file and line, and for shapes the layer with its input.
struct BadNetworkTests {
  static let cases: [(yaml: String, words: [String])] = [
    ("", ["bad.yaml", "is empty"]),
    ("# nothing\n", ["bad.yaml", "is empty"]),
    ("words\n", ["bad.yaml:1", "must be a mapping", "layers"]),
    ("name: [x\n", ["bad.yaml", "not valid YAML"]),
    ("name: x\n\tlayers: []\n", ["bad.yaml:2: not valid YAML", "tab", "layers: []"]),
    ("name: x\nname: y\nlayers: []\n", ["bad.yaml", "not valid YAML", "duplicated", "name"]),
    ("name: x\n", ["bad.yaml:1", "“layers” is missing"]),
    ("name: x\nlayers:\n", ["bad.yaml:2", "“layers” must be a list"]),
    ("name: &a x\nlayers: []\n", ["bad.yaml:1", "“&a” is an anchor", "write its values out"]),
    ("name: x\nlayers: [&a {type: dense}, *a]\n", ["bad.yaml:2", "“&a” is an anchor"]),
    ("name: R&D\nlayers: [*a]\n", ["bad.yaml:2", "not valid YAML", "alias"]),
    ("name: x\nlayers: {a: 1}\n", ["bad.yaml:2", "“layers” must be a list"]),
    ("name: x\nlayers: []\n", ["bad.yaml", "needs at least 2"]),
    ("layers:\n  - {type: dense, filters: 3}\n  - {type: dense}\n", ["bad.yaml", "“name” is missing"]),
    ("name: x\ndepth: 3\nlayers: []\n", ["bad.yaml:2", "unknown key “depth”", "input, layers, name"]),
    ("name: x\nlayers:\n  - dense\n", ["bad.yaml:3", "layer 1 must be a mapping"]),
    (
      "name: x\nlayers:\n  - type: dense\n    filter: 3\n  - type: dense\n",
      ["bad.yaml:4", "unknown key “filter” in layer 1", "filters"]
    ),
    (
      "name: x\nlayers:\n  - {type: conv}\n",
      ["bad.yaml:3", "layer 1", "unknown layer type “conv”", "convolution"]
    ),
    ("name: x\nlayers:\n  - {filters: 3}\n", ["bad.yaml:3", "layer 1", "“type” is missing"]),
    (
      "name: x\nlayers:\n  - {type: dense, filters: 3}\n  - type: dense\n    filters: many\n",
      ["bad.yaml:5", "layer 2", "“filters” must be a whole number, not “many”"]
    ),
    (
      "name: x\nlayers:\n  - {type: dense, filters: 2.5}\n",
      ["bad.yaml:3", "“filters” must be a whole number"]
    ),
    (
      "name: x\nlayers:\n  - {type: dense, filters: .nan}\n",
      ["bad.yaml:3", "“filters” must be a whole number"]
    ),
    (
      "name: x\nlayers:\n  - {type: convolution, kernel: [1, 2, 3]}\n",
      ["bad.yaml:3", "“kernel” must be a whole number or two"]
    ),
    ("name: x\ninput: [12, 12]\nlayers: []\n", ["bad.yaml:2", "“input” must be [height, width, channels]"]),
    ("name: x\ninput: [12, -1, 1]\nlayers: []\n", ["bad.yaml:2", "“input” must be"]),
    ("name: x\nwidth: 0\nlayers: []\n", ["bad.yaml:2", "“width” must be a number from 0.015625 to 64"]),
    ("name: x\nwidth: .nan\nlayers: []\n", ["bad.yaml:2", "“width” must be"]),
    ("name: x\nwidth: -.inf\nlayers: []\n", ["bad.yaml:2", "“width” must be"]),
    ("name: x\nwidth: wide\nlayers: []\n", ["bad.yaml:2", "“width” must be"]),
    ("name: x\nwidth: [1]\nlayers: []\n", ["bad.yaml:2", "“width” must be"]),
    ("name: x\ninput: 12\nlayers: []\n", ["bad.yaml:2", "“input” must be"]),
    ("name: x\ninput: [12, 12, 99999999999999999999]\nlayers: []\n", ["bad.yaml:2", "“input” must be"]),
  ]

  /// Each in a network whose first two layers are good.
  static let layers: [(yaml: String, words: [String])] = [
    (
      "{type: convolution, name: big, filters: 3, kernel: 9}",
      ["“big”", "5×5×8", "9×9 kernel", "does not fit"]
    ),
    ("{type: convolution, filters: 3}", ["“convolution3”", "“kernel” is missing"]),
    ("{type: convolution, kernel: 3}", ["“convolution3”", "“filters” is missing"]),
    ("{type: convolution, filters: 3, kernel: 0}", ["0×0 kernel", "must be positive"]),
    ("{type: convolution, filters: 3, kernel: 3, stride: 0}", ["stride 0×0"]),
    ("{type: convolution, filters: 3, kernel: 3, stride: -1}", ["stride -1×-1"]),
    ("{type: convolution, filters: 3, kernel: 3, padding: -1}", ["padding -1×-1"]),
    ("{type: convolution, filters: 3, kernel: 3, padding: 3}", ["padding 3×3", "smaller than the kernel"]),
    (
      "{type: convolution, filters: 3, kernel: 9223372036854775807, padding: 9223372036854775806}",
      ["5×5×8", "does not fit"]
    ),
    ("{type: convolution, filters: 0, kernel: 3}", ["0 filters", "1048576"]),
    ("{type: convolution, filters: -4, kernel: 3}", ["-4 filters"]),
    ("{type: convolution, filters: 9223372036854775807, kernel: 3}", ["9223372036854775807 filters"]),
    ("{type: convolution, filters: 9, kernel: 3, groups: 3}", ["3 groups do not divide 8 channels"]),
    ("{type: convolution, filters: 9, kernel: 3, groups: 0}", ["0 groups"]),
    ("{type: convolution, name: one, filters: 9, kernel: 3}", ["“one”", "name is taken"]),
    ("{type: convolution, name: a/b, filters: 9, kernel: 3}", ["“a/b”", "letters, digits"]),
    ("{type: dense, filters: 3, kernel: 3}", ["“dense3”", "a dense layer has no “kernel”"]),
    ("{type: max_pool, kernel: 3, filters: 3}", ["“max_pool3”", "a pool has no “filters”"]),
    ("{type: max_pool}", ["“max_pool3”", "“kernel” is missing"]),
    ("{type: average_pool, stride: 2}", ["“average_pool3”", "has no options"]),
    (
      "{type: dense, filters: 1048576}\n  - {type: dense, filters: 1048576}",
      ["1048576", "this version handles"]
    ),
    (
      "{type: dense, filters: 1048576}\n  - {type: dense, filters: 2048}",
      ["weights", "can be trained"]
    ),
  ]

  @Test(arguments: cases.indices) func wrongFiles(index: Int) throws {
    try Self.expectRefusal(Self.cases[index].yaml, Self.cases[index].words)
  }

  @Test(arguments: layers.indices) func layersThatDoNotFit(index: Int) throws {
    let yaml = """
      name: x
      layers:
        - {type: convolution, name: one, filters: 4, kernel: 3, padding: 1}
        - {type: convolution, name: two, filters: 8, kernel: 4, stride: 2}
        - \(Self.layers[index].yaml)
        - {type: dense, name: last}

      """
    let line = Self.layers[index].yaml.contains("1048576}\n") ? 6 : 5
    try Self.expectRefusal(yaml, ["bad.yaml:\(line)", "layer \(line - 2)"] + Self.layers[index].words)
  }

  @Test func ends() throws {
    let begin = "name: x\nlayers:\n  - {type: convolution, filters: 4, kernel: 3}\n"
    try Self.expectRefusal(
      begin + "  - {type: convolution, name: last, kernel: 1}\n",
      ["bad.yaml:4", "ends with 10×10×5", "1×1×5", "average_pool"])
    try Self.expectRefusal(
      begin + "  - {type: dense, name: last, filters: 7}\n",
      ["bad.yaml:4", "“last”", "7 logits for 5 classes"])
  }

  private static func expectRefusal(_ yaml: String, _ words: [String]) throws {
    let folder = try Workspace.newFolderWithData()
    try Workspace.write(Array(yaml.utf8), to: folder + "/bad.yaml")
    try expectFailure(
      ["train", "--data", "idx:data", "--network", "bad.yaml", "--epochs", "1", "--output", "run"],
      in: folder,
      says: words)
    for command in [["inspect"], ["benchmark"]] {
      try expectFailure(
        command + ["--network", "bad.yaml", "--input", "12x12x1", "--classes", "5"], in: folder, says: words)
    }
  }

  @Test func filesThatAreNotThere() throws {
    let folder = try Workspace.newFolderWithData()
    for (network, words) in [
      ("none.yaml", ["none.yaml", "No such file"]),
      ("nin-tiny", ["“nin-tiny”", "nin-small, mlp, nin-cifar, vgg-small, nin, alexnet", "YAML"]),
      ("data", ["data", "folder"]), ("", ["“”", "nin-small"]),
      ("data/train-images-idx3-ubyte", ["not text in UTF-8"]),
    ] {
      try expectFailure(
        ["train", "--data", "idx:data", "--network", network, "--epochs", "1", "--output", "run"], in: folder,
        says: words)
      try expectFailure(["inspect", "--network", network, "--write", "it.signet"], in: folder, says: words)
    }
  }

  /// Aliases of aliases within keys, which the parser compares: 9⁹ values of a few hundred bytes.
  @Test func bombsOfAliasesAreRefusedAtOnce() throws {
    let names = "abcdefghij".map(String.init)
    let lists = zip(names, names.dropFirst()).map { previous, name in
      let list = [String](repeating: "*\(previous)", count: 9).joined(separator: ", ")
      return "\(name): &\(name) {? [\(list)] : 1}\n"
    }
    try Self.expectRefusal(
      "name: x\na: &a [1, 2, 3]\n\(lists.joined())layers: *j\n", ["bad.yaml:2", "“&a” is an anchor"])
  }

  @Test func longFilesAreNotRead() throws {
    try Self.expectRefusal(
      "name: x\nlayers: []\n" + String(repeating: "# long\n", count: 200_000),
      ["bad.yaml", "more bytes than the 1048576", "YAML file"])
  }

  /// Files of other kinds, and text that would move the cursor: one printable line of limited length.
  @Test func nothingOfAFileReachesTheTerminal() throws {
    let folder = try TrainedRun.copy()
    let model = try Workspace.read(folder + "/run/model.signet")
    let long = String(repeating: "y", count: 100_000)
    let cases: [(bytes: [UInt8], words: [String])] = [
      (model, ["a compact model", "signet inspect FILE", "YAML file"]),
      (try Workspace.read(folder + "/run/checkpoint.safetensors"), ["a checkpoint", "YAML file"]),
      (Array(model.prefix(100)), ["not text in UTF-8", "YAML file"]),
      (try SampleImage.png([9], width: 1, height: 1, channels: 1), ["not text in UTF-8"]),
      (Array("name: \u{1B}[31mx\nlayers: []\n".utf8), ["control characters"]),
      (Array("name: caf".utf8) + [0xE9, 0x0A], ["not text in UTF-8"]),
      (Array("name: x\nlayers: \u{9B}31m]\n".utf8), ["not valid YAML: control characters"]),
      (Array("name: x\nlayers: ]\u{202E}a\n".utf8), ["bad.yaml:2: not valid YAML", "]\u{FFFD}a"]),
      (Array("name: x\nlayers:\n - {type: \"\\e[2Jconv\"}\n".utf8), ["“\u{FFFD}[2Jconv”"]),
      (Array("name: x\n\"\\e[2J\\u202Ekey\": 1\nlayers: []\n".utf8), ["“\u{FFFD}[2J\u{FFFD}key”"]),
      (
        Array("name: x\nlayers:\n - {type: dense, name: \"\\e[2J\", filters: 1}\n - {type: dense}".utf8),
        ["\u{FFFD}[2J"]
      ),
      (Array("name: x\nlayers: ]\(long)\n".utf8), ["yyy…"]),
      (Array("name: x\nlayers:\n - {type: \(long)}\n".utf8), ["yyy…"]),
      (Array("name: x\n\(long): 1\nlayers: []\n".utf8), ["yyy…"]),
      (Array("name: x\n\(long): 1\n\(long): 1\nlayers: []\n".utf8), ["yyy…"]),
    ]
    for (bytes, words) in cases {
      try Workspace.write(bytes, to: folder + "/bad.yaml")
      let outcome = try expectFailure(
        ["inspect", "--network", "bad.yaml"], in: folder, says: ["bad.yaml"] + words)
      #expect(outcome.errors.count < 400)
      #expect(outcome.errors.hasSuffix("\n") && !outcome.errors.dropLast().contains("\n"))
      #expect(
        outcome.errors.dropLast().unicodeScalars.allSatisfy {
          ![.control, .format].contains($0.properties.generalCategory)
        })
    }
  }

  /// A built-in network that needs larger images than these, and more weights than any machine has.
  @Test func networksThatDoNotFitTheInput() throws {
    let folder = try Workspace.newFolderWithData()
    try Workspace.write(
      Array("input: [12, 12, 1]\n\(SampleData.network)".utf8), to: folder + "/own.yaml")
    try Workspace.write(
      Array("input: [24, 24, 1]\n\(SampleData.network)".utf8), to: folder + "/other.yaml")
    for (network, words) in [
      (
        "nin",
        [
          "“nin” needs images of 224×224×3, the data has 12×12×1",
          "use nin-small, mlp, nin-cifar or vgg-small", "folder:DIR",
        ]
      ),
      ("other.yaml", ["other.yaml", "24×24×1", "the data has 12×12×1", "leave “input” out", "folder:DIR"]),
    ] {
      try expectFailure(
        ["train", "--data", "idx:data", "--network", network, "--epochs", "1", "--output", "run"], in: folder,
        says: words)
    }
    for (arguments, words) in [
      (
        ["--network", "nin", "--input", "28x28x1"],
        ["“nin” needs an input of 224×224×3, not 28×28×1", "leave --input out", "nin-small"]
      ),
      (
        ["--network", "own.yaml", "--input", "28x28x1"],
        ["own.yaml", "12×12×1", "leave --input or “input” out"]
      ),
      (["--network", "alexnet", "--input", "224x224x1"], ["“alexnet”", "224×224×3"]),
      (["--network", "mlp", "--input", "65536x65536x3"], ["“fc1”", "this version handles"]),
      (["--network", "mlp", "--input", "1024x1024x4"], ["“fc1”", "this version handles"]),
    ] {
      for command in [["inspect", "--write", "it.signet"], ["benchmark"]] {
        let outcome = try expectFailure(command + arguments, in: folder, says: words)
        #expect(!outcome.errors.contains("the data"), "there is none")
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import SignetData
import Testing

private let isInstalled = IDXFolder.isPresent(in: DataSpec.systemFashionMNIST)

@Suite struct FashionMNISTTests {
  @Test func rootIsSearchedFirst() throws {
    let root = try TemporaryFolder()
    let system = try TemporaryFolder()
    func locate() throws -> String { try DataSpec.locateFashionMNIST(root: root.path, system: system.path) }
    let error = try expectError(.notFound) { try locate() }
    #expect(error.message.contains("apt-get install dataset-fashion-mnist"))
    #expect(error.message.contains("--data-root"))
    #expect(error.message.contains(root.path) && error.message.contains(system.path))
    try system.write(idx([0], []), to: "train-images-idx3-ubyte.gz")
    #expect(try locate() == system.path)
    try root.write(idx([0], []), to: "train-images-idx3-ubyte")
    #expect(try locate() == root.path)
    try root.write(idx([0], []), to: "fashion-mnist/train-images.idx3-ubyte")
    #expect(try locate() == root.path + "/fashion-mnist")
    #expect(try DataSpec.locateFashionMNIST(root: nil, system: system.path) == system.path)
  }

  @Test func aRootThatIsNoFolderIsRefused() throws {
    let root = try TemporaryFolder()
    try root.write([1], to: "file")
    for path in [root.path + "/nowhere", root.path + "/file"] {
      let error = try expectError(.notFound) {
        try DataSpec(parsing: "fashion-mnist").load(split: .training, root: path)
      }
      #expect(error.path == path && error.message.contains("--data-root"))
    }
  }

  @Test func labelsAboveNineAreRefused() throws {
    let root = try TemporaryFolder()
    try root.write(idx([2, 1, 1], [5, 6]), to: "fashion-mnist/train-images-idx3-ubyte")
    try root.write(idx([2], [9, 10]), to: "fashion-mnist/train-labels-idx1-ubyte")
    let spec = try DataSpec(parsing: "fashion-mnist")
    let error = try expectError(.labelOutOfRange) { try spec.load(split: .training, root: root.path) }
    #expect(error.description.contains("label 10 of image 1"))
  }

  /// Oracle: the published counts, first labels, mean and deviation of the data set.
  @Test(.enabled(if: isInstalled, "NOT RUN: needs `apt-get install dataset-fashion-mnist`"))
  func realDataIsAsPublished() throws {
    let spec = try DataSpec(parsing: "fashion-mnist")
    let training = try spec.load(split: .training)
    let test = try spec.load(split: .test)
    #expect(training.layout == ImageLayout(height: 28, width: 28, channels: 1))
    #expect(training.count == 60_000 && test.count == 10_000)
    #expect(training.classNames.count == 10 && training.classNames[9] == "Ankle boot")
    #expect(training.labels.prefix(10) == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5])
    #expect(test.labels.prefix(10) == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7])
    for label in 0..<10 {
      #expect(training.labels.count { $0 == label } == 6_000)
      #expect(test.labels.count { $0 == label } == 1_000)
    }
    let (mean, deviation) = training.channelStatistics()
    #expect(abs(mean[0] - 0.2860) < 5e-5)
    #expect(abs(deviation[0] - 0.3530) < 5e-5)
    let (rest, validation) = try training.heldOut(count: 5_000, seed: 7)
    #expect(rest.count == 55_000 && validation.count == 5_000)
  }
}

// SPDX-License-Identifier: Apache-2.0

import SignetData
import Testing

/// Oracle: the record layout of the CIFAR page, evaluated pixel by pixel.
@Suite struct CIFARTests {
  private func record(labels: [UInt8], seed: UInt64) -> [UInt8] {
    labels + randomBytes(3072, seed: seed)
  }

  private func load(_ spec: String, _ split: Split) throws -> LabelledImages {
    try DataSpec(parsing: spec).load(split: split)
  }

  @Test func readsTenClasses() throws {
    let folder = try TemporaryFolder()
    let base = "cifar-10-batches-bin/"
    for batch in 1...5 {
      try folder.write(
        record(labels: [UInt8(batch)], seed: UInt64(batch)), to: base + "data_batch_\(batch).bin")
    }
    let test = record(labels: [7], seed: 6) + record(labels: [0], seed: 7)
    try folder.write(test, to: base + "test_batch.bin")
    let names = (0..<10).map { "class \($0)" }
    try folder.write(Array((names.joined(separator: "\n") + "\n\n").utf8), to: base + "batches.meta.txt")

    #expect(try load("cifar10:\(folder.path)", .training).labels == [1, 2, 3, 4, 5])
    let images = try load("cifar10:\(folder.path)/cifar-10-batches-bin", .test)
    #expect(images.labels == [7, 0])
    #expect(images.classNames == names)
    #expect(images.layout == ImageLayout(height: 32, width: 32, channels: 3))
    for image in 0..<2 {
      for pixel in 0..<1024 {
        for channel in 0..<3 {
          let stored = test[image * 3073 + 1 + channel * 1024 + pixel]
          #expect(images.pixels[(image * 1024 + pixel) * 3 + channel] == stored)
        }
      }
    }
  }

  @Test func readsFineLabelsOfHundredClasses() throws {
    let folder = try TemporaryFolder()
    try folder.write(record(labels: [19, 99], seed: 1) + record(labels: [0, 3], seed: 2), to: "train.bin")
    try folder.write(record(labels: [2, 100], seed: 1), to: "test.bin")
    let training = try load("cifar100:\(folder.path)", .training)
    #expect(training.labels == [99, 3])
    #expect(training.classNames == (0..<100).map(String.init))
    #expect(training.pixels[0] == record(labels: [], seed: 1)[0])
    let error = try expectError(.labelOutOfRange) { try load("cifar100:\(folder.path)", .test) }
    #expect(error.message.contains("label 100 of image 0"))
    // The fine label is the second byte of its record.
    #expect(error.path == folder.path + "/test.bin" && error.byteOffset == 1)
    let later = record(labels: [9], seed: 1) + record(labels: [10], seed: 2)
    try folder.write(later, to: "test_batch.bin")
    let second = try expectError(.labelOutOfRange) { try load("cifar10:\(folder.path)", .test) }
    #expect(second.byteOffset == 3073 && second.message.contains("label 10 of image 1"))
  }

  @Test func damagedFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    try expectError(.notFound) { try load("cifar10:\(folder.path)", .test) }
    try folder.write([], to: "test_batch.bin")
    try expectError(.empty) { try load("cifar10:\(folder.path)", .test) }
    for length in [1, 3072, 3074, 6145] {
      try folder.write([UInt8](repeating: 1, count: length), to: "test_batch.bin")
      let error = try expectError(.truncated) { try load("cifar10:\(folder.path)", .test) }
      #expect(error.path?.hasSuffix("test_batch.bin") == true)
    }
    let missing = try expectError(.notFound) { try load("cifar10:\(folder.path)", .training) }
    #expect(missing.path?.hasSuffix("data_batch_1.bin") == true)
    try folder.write(record(labels: [1], seed: 1), to: "test_batch.bin")
    try folder.write(Array("a\nb\n".utf8), to: "batches.meta.txt")
    try expectError(.damaged) { try load("cifar10:\(folder.path)", .test) }
  }
}

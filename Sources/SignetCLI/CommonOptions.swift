// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Signet
import SignetData

/// Options that every command has.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON object last, instead of text.")
  var json = false

  /// Prints `value` as one line of JSON, if that is wanted; else what `text` prints.
  ///
  /// - Throws: ``OutputFailure`` if standard output takes no more, such as a file on a full disk.
  func print<Value: Encodable>(_ value: Value, text: () -> Void) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.keyEncodingStrategy = .convertToSnakeCase
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    } else {
      text()
    }
    guard fflush(nil) == 0 else { throw OutputFailure(number: errno) }
  }
}

/// Standard output that can't be written.
struct OutputFailure: Error, CustomStringConvertible {
  let number: Int32

  var description: String {
    "standard output can't be written: \(String(cString: strerror(number))); free space, or send it elsewhere"
  }
}

/// How much of the machine is used.
struct ThreadOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help:
      "Threads; the result does not depend on their number. All cores if not given, or this process's share of them under mpirun."
  )
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads \(threads): give a number from 1 to 1024")
    }
  }

  func crew() throws -> Crew {
    try Crew(table: .chosen(), threads: threads ?? Launch.current.cores)
  }
}

/// Which data.
struct DataOptions: ParsableArguments {
  @Option(
    help:
      "fashion-mnist, idx:DIR, cifar10:DIR, cifar100:DIR, folder:DIR with train/CLASS/*.jpg and test/CLASS/*.jpg, or imagenet:DIR with train/WNID/*.JPEG and val/WNID/*.JPEG. Required, unless a run is resumed or image files are predicted."
  )
  var data: String?

  @Option(help: "With fashion-mnist: a folder in which it is looked for before the system's.")
  var dataRoot: String?

  @Flag(
    help:
      "With folder and imagenet: pass over image files that can't be read, and list them, instead of ending with an error. In training, the next image of the epoch takes the place of one."
  )
  var skipUnreadable = false

  func validate() throws {
    if dataRoot != nil, let data, let objection = try? DataSpec(parsing: data).objectionToRoot {
      throw ValidationError(objection)
    }
    if skipUnreadable, let data, let objection = try? DataSpec(parsing: data).objectionToSkipping {
      throw ValidationError(objection)
    }
  }

  /// Where unreadable files are listed, if they are passed over.
  var skipped: SkippedImages? { skipUnreadable ? SkippedImages() : nil }

  /// A part of the data as a model takes it.
  func images(_ split: Split, for model: CompactModel, skipped: SkippedImages?) throws -> any ImageSource {
    try spec().open(
      split: split, root: dataRoot, fit: .layout(ImageLayout(model.preprocessing)), skipped: skipped)
  }

  /// Refuses a command without data; in a command's `validate()`, so that its own usage is shown.
  func requireData() throws {
    guard data != nil else { throw ValidationError("--data is missing; for instance --data fashion-mnist") }
  }

  func spec() throws -> DataSpec {
    try requireData()
    return try DataSpec(parsing: data ?? "")
  }
}

extension Split: ExpressibleByArgument {}

/// Images of a data set as a network's input, a batch at a time.
struct InputBatches {
  let loader: BatchLoader
  private var next = 0
  private var hasImages = false
  private let workers: Int
  private let order: [Int]
  private let inputs: AlignedBuffer<Float>
  private let labels: AlignedBuffer<Int32>

  /// `workers` threads decode a batch's images, if they are files.
  init(_ images: any ImageSource, preprocessing: Preprocessing, batchSize: Int, workers: Int) throws {
    self.workers = workers
    loader = try BatchLoader(
      images: images, preprocessing: preprocessing, batchSize: batchSize, seed: 0, shuffled: false,
      dropLast: false)
    order = loader.order(epoch: 0)
    inputs = AlignedBuffer(count: loader.inputCount * batchSize)
    labels = AlignedBuffer(count: batchSize)
  }

  /// The next batch that has images; its inputs are valid until the next call.
  ///
  /// - Throws: ``DataError``, also if all images were passed over: a figure of none would mean nothing.
  mutating func batch() throws -> (inputs: UnsafePointer<Float>, labels: [Int32])? {
    var count = 0
    while count == 0 {
      guard next < loader.batchesPerEpoch else {
        guard hasImages else {
          throw DataError(
            .empty,
            "\(loader.images.name): none of the \(counted(order.count, "image")) can be read; mend the files or the path"
          )
        }
        return nil
      }
      count = try loader.fill(
        batch: next, of: order, epoch: 0, workers: workers, inputs: inputs.pointer, labels: labels.pointer)
      next += 1
    }
    hasImages = true
    return (UnsafePointer(inputs.pointer), Array(UnsafeBufferPointer(start: labels.pointer, count: count)))
  }
}

/// Seconds of a duration.
extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// Text with a fixed number of decimals, or padded: what tables are made of.
extension String {
  static func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

  func padded(_ width: Int, right: Bool = true) -> String {
    let gap = String(repeating: " ", count: max(0, width - count))
    return right ? gap + self : self + gap
  }
}

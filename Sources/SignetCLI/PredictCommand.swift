// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Signet
import SignetData

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Name what is in images, with probabilities.",
    discussion: """
      Image files are brought to the model's size and channels. Where a PNG file is transparent, white shows through; a \
      model of light things on black, such as one of Fashion-MNIST, wants them on black instead.
      """)

  @Argument(help: "A compact model (.signet).")
  var model: String

  @Argument(help: "JPEG or PNG files, grey or RGB, of any size.")
  var images: [String] = []

  @OptionGroup var data: DataOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  @Option(parsing: .unconditional, help: "Test images of --data to predict and to draw; 4 if not given.")
  var count: Int?

  @Option(parsing: .unconditional, help: "Labels shown of each image.")
  var top = 5

  func validate() throws {
    guard images.isEmpty != (data.data == nil) else {
      throw ValidationError("give either image files or --data SPEC")
    }
    if data.skipUnreadable {
      throw ValidationError("--skip-unreadable goes with evaluate, verify and train; leave it out")
    }
    guard top >= 1 else { throw ValidationError("--top \(top): give a positive number") }
    if let count, count < 1 { throw ValidationError("--count \(count): give a positive number") }
    guard count == nil || data.data != nil else {
      throw ValidationError("--count goes with --data; all image files that are given are predicted")
    }
  }

  struct Label: Encodable {
    let label: String
    let probability: Double
  }

  struct ImagePrediction: Encodable {
    let image: String
    let labels: [Label]
  }

  struct Result: Encodable {
    let predictions: [ImagePrediction]
  }

  func run() throws {
    let engine = try Engine(CompactModel(path: model), crew: threads.crew(), batch: 1)
    let preprocessing = engine.model.preprocessing
    var inputs: [(name: String, image: PixelImage, truth: String?)] = []
    var available = Int.max
    if data.data != nil {
      let set = try data.images(.test, for: engine.model, skipped: nil)
      try engine.checkClasses(of: set)
      available = set.count
      for index in 0..<min(count ?? 4, available) {
        inputs.append(("test image \(index)", try set.image(at: index), set.classNames[set.label(at: index)]))
      }
    } else {
      for path in images {
        inputs.append((path, try ImageDecoder.decode(path: path, as: ImageLayout(preprocessing)), nil))
      }
    }
    // Everything is computed before anything is printed: an error leaves no partial output.
    let predictions = try inputs.map { input in
      let classes = try engine.predict(pixels: input.image.pixels, top: top).flatMap { $0 }
      return ImagePrediction(
        image: input.name, labels: classes.map { Label(label: $0.label, probability: $0.probability) })
    }
    try output.print(Result(predictions: predictions)) {
      for (input, prediction) in zip(inputs, predictions) {
        if data.data != nil { print(TerminalImage.drawing(of: input.image)) }
        print(prediction.image + (input.truth.map { ", labelled \($0)" } ?? ""))
        for label in prediction.labels {
          print("  \((String.fixed(label.probability * 100, 2) + " %").padded(9))  \(label.label)")
        }
      }
      if let count, count > available {
        print("--count \(count): the test part has only \(counted(available, "image"))")
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `classify MODEL IMAGE…`: the five most probable labels of PGM or PPM files of the model's size.
@main
struct Classify {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    guard let model = arguments.first, arguments.count >= 2 else {
      printError("usage: classify MODEL.signet IMAGE.pgm|IMAGE.ppm…")
      exit(64)
    }
    do {
      try run(model: model, images: Array(arguments.dropFirst()))
    } catch {
      printError("Error: \(error)")
      exit(1)
    }
  }

  static func run(model path: String, images paths: [String]) throws {
    let engine = try Engine(CompactModel(path: path), threads: 2, batch: min(paths.count, 16))
    var pixels: [UInt8] = []
    for path in paths {
      let image = try Netpbm(path: path)
      guard image.shape == engine.model.inputShape else {
        throw FileError(description: "\(path): is \(image.shape); the model takes \(engine.model.inputShape)")
      }
      pixels += image.pixels
    }
    // All images in one call: it computes a batch at a time.
    for (path, predictions) in zip(paths, try engine.predict(pixels: pixels, top: 5)) {
      print(path)
      for prediction in predictions {
        print("  \(percent(prediction.probability))  \(prediction.label)")
      }
    }
  }

  static func printError(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(STDERR_FILENO, line, line.count)
  }

  /// Two decimals, right-aligned, without Foundation.
  static func percent(_ share: Double) -> String {
    let hundredths = Int((share * 10_000).rounded())
    let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
    let text = "\(whole).\(rest < 10 ? "0" : "")\(rest) %"
    return String(repeating: " ", count: max(0, 8 - text.count)) + text
  }
}

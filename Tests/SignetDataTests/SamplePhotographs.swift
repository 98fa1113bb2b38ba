// SPDX-License-Identifier: Apache-2.0

import CTurboJPEG
import Foundation
import SignetData
import Testing

/// A folder of small photographs of several sizes: `train/CLASS/*.JPEG` and `val/CLASS/*.JPEG`.
struct SamplePhotographs {
  static let classes = ["n001", "n002", "n003"]
  let folder: TemporaryFolder

  /// `perClass` images for training and two for evaluation, of sizes from 30 to 90 pixels, or all of one.
  init(perClass: Int = 6, size: (height: Int, width: Int)? = nil) throws {
    folder = try TemporaryFolder()
    for (label, name) in Self.classes.enumerated() {
      for (part, count) in [("train", perClass), ("val", 2)] {
        for number in 0..<count {
          let height = size?.height ?? 30 + (number * 17 + label * 5) % 60
          let width = size?.width ?? 30 + (number * 29 + label * 11) % 60
          let file = try SampleJPEG.encode(
            ImageReaderTests.picture(height: height, width: width, seed: UInt64(label * 100 + number)),
            width: width, height: height, format: TJPF_RGB, subsampling: TJSAMP_420)
          try folder.write(file, to: "\(part)/\(name)/\(name)_\(number).JPEG")
        }
      }
    }
  }

  var path: String { folder.path }

  /// Sets the times of all folders back by so many seconds, as those of data that was there before are.
  func age(_ seconds: Double = 1000) throws {
    let long = Date(timeIntervalSince1970: Date.now.timeIntervalSince1970.rounded(.down) - seconds)
    for part in ["train", "val"] {
      for name in [""] + Self.classes.map({ "/" + $0 }) {
        try FileManager.default.setAttributes(
          [.modificationDate: long], ofItemAtPath: "\(path)/\(part)\(name)")
      }
    }
  }

  func spec(_ kind: String = "imagenet") throws -> DataSpec { try DataSpec(parsing: "\(kind):\(path)") }
}

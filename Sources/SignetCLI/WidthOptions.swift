// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SignetTraining

/// How wide a network is.
struct WidthOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help:
      "What the filters of all layers but the last are multiplied with, rounded to multiples of 16; 1, or the YAML file's, if not given."
  )
  var width: Float?

  func validate() throws {
    let possible = NetworkDescription.widths
    // The text of a number that is none, such as nan, is not among the possible ones either.
    if let width, !possible.contains(width) {
      throw ValidationError(
        "--width \(width): give a number from \(possible.lowerBound) to \(possible.upperBound)")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

import SignetData

/// An image as text: one character for two rows, dark to light.
enum TerminalImage {
  static func drawing(of image: PixelImage) -> String {
    let grey = image.converted(toChannels: 1)
    let ramp = Array(" .:-=+*#%@")
    // At most 64 columns.
    let step = max(1, (grey.width + 63) / 64)
    return stride(from: 0, to: grey.height, by: step * 2).map { row in
      String(
        stride(from: 0, to: grey.width, by: step).map { column in
          let rows = [row, min(row + step, grey.height - 1)]
          let value = rows.reduce(0) { $0 + Int(grey.pixels[$1 * grey.width + column]) } / 2
          return ramp[value * (ramp.count - 1) / 255]
        })
    }.joined(separator: "\n")
  }
}

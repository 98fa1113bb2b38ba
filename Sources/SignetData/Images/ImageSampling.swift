// SPDX-License-Identifier: Apache-2.0

import Signet

/// Which part of an image becomes a network's input, and at what size: the geometry alone.
struct ImageSampling: Hashable {
  /// One axis: `source` pixels are worth `target` outputs, of which `outputs` are made.
  struct Axis: Hashable {
    var source: Range<Int>
    var target: Int
    var outputs: Range<Int>

    /// How far the source is shrunk; below 1 where it grows.
    var shrinks: Double { Double(source.count) / Double(target) }
  }

  var rows: Axis
  var columns: Axis

  /// The whole image in a layout.
  ///
  /// `stretch` scales both sides. `centerCrop` scales the shorter side to 8/7 of the layout's longer side, rounded, keeps the
  /// aspect ratio, and takes the centre (one pixel up and left of it where the margin is odd).
  init(_ layout: ImageLayout, height: Int, width: Int) {
    var scaled = (height: layout.height, width: layout.width)
    if layout.resize == .centerCrop {
      let shorter = (8 * max(layout.height, layout.width) + 3) / 7
      let side = min(height, width)
      scaled = ((height * shorter + side / 2) / side, (width * shorter + side / 2) / side)
    }
    func axis(_ side: Int, _ target: Int, _ wanted: Int) -> Axis {
      let start = (target - wanted) / 2
      return Axis(source: 0..<side, target: target, outputs: start..<start + wanted)
    }
    rows = axis(height, scaled.height, layout.height)
    columns = axis(width, scaled.width, layout.width)
  }

  /// A region of the image, stretched to the layout.
  init(_ layout: ImageLayout, region: ResizedCrop.Region) {
    rows = Axis(
      source: region.top..<region.top + region.height, target: layout.height, outputs: 0..<layout.height)
    columns = Axis(
      source: region.left..<region.left + region.width, target: layout.width, outputs: 0..<layout.width)
  }

  /// The largest of 1, 2, 4 and 8 by which the image may be shrunk beforehand without losing pixels that the input could show.
  var denominator: Int {
    let shrinks = min(rows.shrinks, columns.shrinks)
    return [8, 4, 2].first { shrinks >= Double($0) } ?? 1
  }

  /// The resampling of an image of `height` × `width` pixels that was shrunk by `denominator`.
  func resampling(height: Int, width: Int, denominator: Int = 1) -> Resampling {
    func axis(_ axis: Axis, _ limit: Int) -> ResampleAxis {
      let divisor = Double(denominator)
      return ResampleAxis(
        source: Double(axis.source.lowerBound) / divisor..<Double(axis.source.upperBound) / divisor,
        limit: limit, target: axis.target, outputs: axis.outputs)
    }
    return Resampling(rows: axis(rows, height), columns: axis(columns, width))
  }
}

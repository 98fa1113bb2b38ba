// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import Signet
import Testing

/// The training kernels of every instruction set that runs here.
struct GradientTable: Sendable, CustomStringConvertible {
  let isa: ISA
  /// Among the tables of its instruction set.
  let index: Int
  /// Constants of the library.
  nonisolated(unsafe) let kernels: sk_gradients

  /// All that this machine has for each instruction set, not only what would be chosen.
  static let all = ISA.available.flatMap { isa -> [GradientTable] in
    guard let chosen = isa.kernels?.pointee.isa else { return [] }
    var tables: [GradientTable] = []
    while let kernels = sk_gradients_at(chosen, tables.count) {
      tables.append(GradientTable(isa: isa, index: tables.count, kernels: kernels.pointee))
    }
    return tables
  }

  var description: String { String(cString: kernels.name) }

  /// NEON's instruction for pairs of bfloat16, and AMX's for tiles of them, round in a way of their own: within the bound,
  /// but to other bits.
  func hasOwnRounding(_ precision: sk_precision) -> Bool {
    precision == .bfloat16 && (kernels.has_tiles || isa == .neon && kernels.has_bfloat16)
  }

  /// Tables of one order give the same bits.
  func order(_ precision: sk_precision, hasOwnOrder: Bool = false) -> String {
    hasOwnRounding(precision) || hasOwnOrder ? description : ""
  }

  func product(_ precision: sk_precision) -> sk_products {
    switch precision {
    case .float32: kernels.products.0
    case .bfloat16: kernels.products.1
    case .int8: kernels.products.2
    }
  }
}

/// The upper half of a float, rounded to nearest with ties to even, as the definition of bfloat16 says; NaN is 0x7FC0.
func bfloat16(_ value: Float) -> UInt16 {
  if value.isNaN { return 0x7FC0 }
  let (below, rest) = (value.bitPattern >> 16, value.bitPattern & 0xFFFF)
  let isUp = rest > 0x8000 || (rest == 0x8000 && below & 1 == 1)
  return UInt16(truncatingIfNeeded: below + (isUp ? 1 : 0))
}

func widened(_ value: UInt16) -> Float { Float(bitPattern: UInt32(value) << 16) }

/// Sizes of a binary layer whose gradients are taken; channels and filters are those of one group.
struct GradientShape: CustomTestStringConvertible, Sendable {
  var images = 2
  var height = 7
  var width = 6
  var channels = 20
  var filters = 13
  var kernel = (3, 3)
  var stride = (1, 1)
  var padding = (1, 1)
  var groups = 1

  var testDescription: String {
    "\(images)×\(height)×\(width)×\(groups)·\(channels) → \(groups)·\(filters), \(kernel) / \(stride), pad \(padding)"
  }

  func window() throws -> Window {
    guard
      let window = Window(
        input: FeatureShape(height: height, width: width, channels: 1), kernel: kernel, stride: stride,
        padding: padding, rounding: .down)
    else { throw NoWindow() }
    return window
  }

  struct NoWindow: Error {}
}

/// Operands of both products of a binary layer, drawn at random.
struct GradientSample {
  let shape: GradientShape
  let window: Window
  let planes: Int
  let layout: CodeLayout
  let rows: Int
  let pixels: Int
  let betas: [Float]
  /// The value of each code.
  let levels: [Float]
  /// `[pixel][plane][word]`, `[filter][tap][word]`, `[pixel][word]`; bits behind a group's channels are 0.
  var codes: [UInt32]
  let signs: [UInt32]
  let mask: [UInt32]
  /// `[row][filter]`.
  var dy: [Float]

  init(_ shape: GradientShape, planes: Int, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    self.shape = shape
    self.planes = planes
    let (window, layout) = (
      try shape.window(), CodeLayout(channels: shape.channels * shape.groups, groups: shape.groups)
    )
    (self.window, self.layout) = (window, layout)
    rows = shape.images * window.outPixels
    pixels = shape.images * window.inPixels
    betas = planes == 1 ? [1] : Array([Float(0.796875), 0.48046875, 0.25, 0.140625].prefix(planes))
    let values = betas
    levels = (0..<1 << planes).map { code in
      values.indices.reduce(0) { $0 + (code >> $1 & 1 == 1 ? values[$1] : -values[$1]) }
    }
    func bits(_ count: Int) -> [UInt32] {
      (0..<count).map { word in
        let left = shape.channels - word % layout.groupWords * 32
        let bits = UInt32(truncatingIfNeeded: random.next())
        return left < 32 ? bits & (1 << UInt32(left) - 1) : bits
      }
    }
    codes = bits(pixels * planes * layout.words)
    signs = bits(shape.groups * shape.filters * window.taps * layout.groupWords)
    mask = bits(pixels * layout.words)
    dy = (0..<rows * shape.groups * shape.filters).map { _ in
      random.index(below: 9) == 0 ? 0 : random.uniform(-1, 1) * random.uniform(0, 1)
    }
  }

  /// Filters of all groups.
  var filters: Int { shape.groups * shape.filters }

  /// Rounds the gradient to what `kind` can hold.
  mutating func round(to kind: sk_precision) {
    if kind == .bfloat16 { dy = dy.map { widened(bfloat16($0)) } }
  }

  /// What an 8-bit level of 1 stands for, and the greatest level.
  var quantum: Float { betas.reduce(0, +) / Float(offset) }
  var offset: Int32 { planes == 1 ? 1 : 63 }

  func code(pixel: Int, channel: Int, group: Int) -> Int {
    let (word, bit) = layout.position(of: group * shape.channels + channel)
    return (0..<planes).reduce(0) { code, plane in
      code | Int(codes[(pixel * planes + plane) * layout.words + word] >> UInt32(bit) & 1) << plane
    }
  }

  func sign(filter: Int, tap: Int, channel: Int, group: Int) -> Int {
    let at = ((group * shape.filters + filter) * window.taps + tap) * layout.groupWords + channel / 32
    return signs[at] >> UInt32(channel % 32) & 1 == 1 ? 1 : -1
  }

  func passes(pixel: Int, channel: Int, group: Int) -> Bool {
    let (word, bit) = layout.position(of: group * shape.channels + channel)
    return mask[pixel * layout.words + word] >> UInt32(bit) & 1 == 1
  }

  /// The pixel of the batch that a tap of an output row reads; nil outside the image.
  func pixel(row: Int, tap: Int) -> Int? {
    let (image, position) = row.quotientAndRemainder(dividingBy: window.outPixels)
    return window.pixels(at: position)[tap].map { image * window.inPixels + $0 }
  }

  /// For each row and tap the pixel that is read, -1 outside the image.
  var reads: [Int] {
    (0..<shape.images).flatMap { image in
      (0..<window.outPixels).flatMap { position in
        window.pixels(at: position).map { $0.map { image * window.inPixels + $0 } ?? -1 }
      }
    }
  }
}

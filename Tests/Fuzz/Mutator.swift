// SPDX-License-Identifier: Apache-2.0

import Signet

/// Damages whole files: bits, bytes, numbers, pieces left out, doubled, moved, or taken from another file.
struct Mutator {
  private let samples: [[UInt8]]
  let parser: FuzzParser
  private let seed: UInt64
  private static let numbers: [Int64] = [
    0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1000, 1023, 1024, 4095, 4096, 32767,
    32768,
    65500, 65535, 65536, 1 << 20, 1 << 24, 1 << 26, 1 << 30, 1 << 31 - 1, 1 << 31, 1 << 32 - 1, 1 << 32,
    1 << 40,
    1 << 62, .max, -1, -2, -128, .min,
  ]
  /// Pieces of text that formats made of text may stumble over.
  private static let texts = [
    "{", "}", "[", "]", "\"", "\\", "\\u0000", ",", ":", "null", "1e999", "-1", "99999999999999999999", "&a",
    "*a",
    "<<: *a", "!!binary", "---", "\u{FEFF}", "\n", "  - ", "[[[[[[[[", "{{{{{{{{", "nan", "0x10", "1.5",
    "true",
  ]

  init(_ parser: FuzzParser, samples: [[UInt8]], seed: UInt64) {
    self.parser = parser
    self.samples = samples
    var mixer = SplitMix64(seed: seed)
    for byte in parser.rawValue.utf8 { mixer = SplitMix64(seed: mixer.next() ^ UInt64(byte)) }
    self.seed = mixer.next()
  }

  /// The input with a number: always the same one.
  func input(_ number: Int) -> [UInt8] {
    var random = SplitMix64(seed: seed, stream: UInt64(number))
    var bytes = samples[random.index(below: samples.count)]
    // Most inputs are damaged a little: whoever reads them gets far.
    let changes = 1 + (random.index(below: 4) == 0 ? random.index(below: 16) : random.index(below: 3))
    for _ in 0..<changes where !bytes.isEmpty { change(&bytes, &random) }
    if bytes.count > parser.inputLimit { bytes.removeLast(bytes.count - parser.inputLimit) }
    // Half of them get right checksums, so that what is behind these is reached.
    if random.index(below: 2) == 0 { mend(&bytes) }
    return bytes
  }

  private func place(_ bytes: [UInt8], _ random: inout SplitMix64) -> Int {
    // Headers decide most, so half of the changes are there.
    random.index(below: random.index(below: 2) == 0 ? min(bytes.count, 96) : bytes.count)
  }

  private func change(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    let at = place(bytes, &random)
    let length = min(bytes.count - at, 1 + random.index(below: random.index(below: 3) == 0 ? 200 : 8))
    switch random.index(below: 11) {
    case 0, 1: bytes[at] ^= 1 << UInt8(random.index(below: 8))
    case 2: bytes[at] = UInt8(random.index(below: 256))
    case 3: bytes.removeSubrange(at..<at + length)
    case 4: bytes.insert(contentsOf: bytes[at..<at + length], at: place(bytes, &random))
    case 5: bytes.removeLast(bytes.count - at)
    case 6:
      let other = samples[random.index(below: samples.count)]
      let from = random.index(below: other.count)
      bytes.replaceSubrange(at..<at + length, with: other[from..<min(other.count, from + length)])
    case 7, 8: writeNumber(&bytes, at: at, &random)
    case 9:
      let text = Self.texts[random.index(below: Self.texts.count)]
      let times = random.index(below: 8) == 0 ? 1 + random.index(below: 3000) : 1
      bytes.insert(contentsOf: (0..<times).flatMap { _ in text.utf8 }, at: at)
    default:
      changeDigits(&bytes, from: at, &random)
    }
  }

  private func writeNumber(_ bytes: inout [UInt8], at: Int, _ random: inout SplitMix64) {
    let number = Self.numbers[random.index(below: Self.numbers.count)]
    let width = min([1, 2, 4, 8][random.index(below: 4)], bytes.count - at)
    let isLittle = random.index(below: 2) == 0
    for k in 0..<width {
      let shift = 8 * (isLittle ? k : width - 1 - k)
      bytes[at + k] = UInt8(truncatingIfNeeded: number >> Int64(shift))
    }
  }

  /// Puts another number in the place of the next one that is written in digits.
  private func changeDigits(_ bytes: inout [UInt8], from at: Int, _ random: inout SplitMix64) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let start = bytes[at...].firstIndex(where: digits.contains) else { return }
    let end = bytes[start...].firstIndex { !digits.contains($0) } ?? bytes.count
    bytes.replaceSubrange(
      start..<end, with: String(Self.numbers[random.index(below: Self.numbers.count)]).utf8)
  }
}

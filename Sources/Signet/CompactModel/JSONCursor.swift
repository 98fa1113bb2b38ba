// SPDX-License-Identifier: Apache-2.0

/// A place in a safetensors header, with the few kinds of JSON that such a header may hold.
///
/// A general JSON decoder would keep one of two equal keys silently, and could not say at which byte it stopped.
/// Here nothing nests without bound, every number is an integer that is checked for overflow, and every error has
/// its byte offset.
struct JSONCursor {
  private let bytes: UnsafeRawBufferPointer
  /// Where `bytes` start in the file.
  private let origin: Int
  /// What to do about a damaged file; the end of the messages.
  private let remedy: String
  private var index = 0

  init(_ bytes: UnsafeRawBufferPointer, origin: Int, remedy: String) {
    self.bytes = bytes
    self.origin = origin
    self.remedy = remedy
  }

  /// The cursor's place, counted from the start of the file.
  var byteOffset: Int { origin + index }

  /// Reads `{ key : value , … }`, each key once; `body` reads the value that belongs to the key.
  mutating func object(
    _ what: String, _ body: (_ key: String, inout JSONCursor) throws(ModelFormatError) -> Void
  ) throws(ModelFormatError) {
    try expect("{", what)
    if skip("}") { return }
    var keys = Set<String>()
    repeat {
      skipSpace()
      let start = byteOffset
      let key = try string("a key of \(what)")
      guard keys.insert(key).inserted else {
        throw malformed("\(what) has the key '\(key)' twice", at: start)
      }
      try expect(":", what)
      try body(key, &self)
    } while skip(",")
    try expect("}", what)
  }

  /// Reads `[ n , … ]` of integers that are not negative; a wrong number throws `code`.
  mutating func naturals(_ what: String, _ code: ModelFormatError.Code) throws(ModelFormatError) -> [Int] {
    try expect("[", what)
    if skip("]") { return [] }
    var numbers: [Int] = []
    repeat {
      numbers.append(try natural(what, code))
    } while skip(",")
    try expect("]", what)
    return numbers
  }

  /// Reads one string.
  mutating func string(_ what: String) throws(ModelFormatError) -> String {
    try expect("\"", what)
    let start = index
    while index < bytes.count, bytes[index] >= 0x20, bytes[index] != UInt8(ascii: "\"") {
      if bytes[index] == UInt8(ascii: "\\") { return try escapedString(from: start, what) }
      index += 1
    }
    let content = bytes[start..<index]
    try expect("\"", what, skippingSpace: false)
    guard let text = String(validating: content, as: UTF8.self) else {
      throw malformed("\(what) is not UTF-8 text", at: origin + start)
    }
    return text
  }

  /// Checks that only white space is left.
  mutating func end() throws(ModelFormatError) {
    skipSpace()
    guard index == bytes.count else { throw malformed("the header goes on after its closing brace") }
  }

  /// Whether the next value is a string.
  mutating func isAtString() -> Bool {
    skipSpace()
    return index < bytes.count && bytes[index] == UInt8(ascii: "\"")
  }
}

extension JSONCursor {
  private mutating func skipSpace() {
    while index < bytes.count {
      switch bytes[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return
      }
    }
  }

  /// Passes one character, after white space, if it is there.
  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func expect(
    _ character: Unicode.Scalar, _ what: String, skippingSpace: Bool = true
  ) throws(ModelFormatError) {
    if skippingSpace { skipSpace() }
    guard index < bytes.count, bytes[index] == UInt8(ascii: character) else {
      throw malformed("'\(character)' is expected in \(what)")
    }
    index += 1
  }

  private mutating func natural(
    _ what: String, _ code: ModelFormatError.Code
  ) throws(ModelFormatError) -> Int {
    skipSpace()
    let start = index
    var value = 0
    while index < bytes.count, let digit = Self.digit(bytes[index]), digit < 10 {
      let (tens, overflow1) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow2) = tens.addingReportingOverflow(digit)
      guard !overflow1, !overflow2 else {
        throw malformed("\(what) holds a number that is too large", code, at: origin + start)
      }
      value = sum
      index += 1
    }
    let length = index - start
    let isNumber = length == 1 || (length > 1 && bytes[start] != UInt8(ascii: "0"))
    let follower = index < bytes.count ? bytes[index] : 0
    guard isNumber, ![UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(follower) else {
      throw malformed("\(what) holds something else than integers ≥ 0", code, at: origin + start)
    }
    return value
  }

  /// Reads on from the first backslash of a string whose content starts at `start`.
  private mutating func escapedString(from start: Int, _ what: String) throws(ModelFormatError) -> String {
    var content = Array(bytes[start..<index])
    while index < bytes.count, bytes[index] >= 0x20, bytes[index] != UInt8(ascii: "\"") {
      if bytes[index] == UInt8(ascii: "\\") {
        let scalar = try escape(what)
        content.append(contentsOf: String(Character(scalar)).utf8)
      } else {
        content.append(bytes[index])
        index += 1
      }
    }
    try expect("\"", what, skippingSpace: false)
    guard let text = String(validating: content, as: UTF8.self) else {
      throw malformed("\(what) is not UTF-8 text", at: origin + start)
    }
    return text
  }

  /// Reads a backslash and what it stands for.
  private mutating func escape(_ what: String) throws(ModelFormatError) -> Unicode.Scalar {
    let start = byteOffset
    let letter = index + 1 < bytes.count ? bytes[index + 1] : 0
    index += 2
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      // Two escapes of the surrogate range stand for one character beyond 16 bits.
      if let high = codeUnit() {
        if let scalar = Unicode.Scalar(high) { return scalar }
        let followed = index + 1 < bytes.count && bytes[index] == UInt8(ascii: "\\")
        if high < 0xDC00, followed, bytes[index + 1] == UInt8(ascii: "u") {
          index += 2
          if let low = codeUnit(), 0xDC00...0xDFFF ~= low,
            let scalar = Unicode.Scalar(0x1_0000 + (high - 0xD800) << 10 + (low - 0xDC00))
          {
            return scalar
          }
        }
      }
    default: break
    }
    throw malformed("\(what) has an escape sequence that JSON doesn't know", at: start)
  }

  /// Reads four hexadecimal digits.
  private mutating func codeUnit() -> UInt32? {
    guard bytes.count - index >= 4 else { return nil }
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Self.digit(bytes[index]) else { return nil }
      unit = unit << 4 | UInt32(digit)
      index += 1
    }
    return unit
  }

  private static func digit(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }

  /// The error for a header that isn't as it should be; the file was damaged or written by another program.
  func malformed(
    _ problem: String, _ code: ModelFormatError.Code = .badHeader, at byteOffset: Int? = nil
  ) -> ModelFormatError {
    ModelFormatError(code, "\(problem); \(remedy)", byteOffset: byteOffset ?? self.byteOffset)
  }
}

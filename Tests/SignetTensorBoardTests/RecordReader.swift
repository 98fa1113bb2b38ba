// SPDX-License-Identifier: Apache-2.0

/// Reads records byte by byte, independently of the writer: checksums are computed bit by bit, without a table.
struct RecordReader {
  struct Damaged: Error {
    let offset: Int
  }

  /// The data of each record of a file.
  static func records(of bytes: [UInt8]) throws -> [[UInt8]] {
    var records: [[UInt8]] = []
    var offset = 0
    while offset < bytes.count {
      guard offset + 12 <= bytes.count else { throw Damaged(offset: offset) }
      let length = Int(number(bytes[offset..<offset + 8]))
      try check(bytes[offset..<offset + 8], storedAt: offset + 8, in: bytes)
      let data = offset + 12
      guard data + length + 4 <= bytes.count else { throw Damaged(offset: offset) }
      try check(bytes[data..<data + length], storedAt: data + length, in: bytes)
      records.append(Array(bytes[data..<data + length]))
      offset = data + length + 4
    }
    return records
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func check(_ data: ArraySlice<UInt8>, storedAt offset: Int, in bytes: [UInt8]) throws {
    var remainder = UInt32.max
    for byte in data {
      for bit in 0..<8 {
        let carry = (remainder ^ UInt32(byte >> UInt8(bit))) & 1
        remainder = remainder >> 1 ^ (carry == 1 ? 0x82F6_3B78 : 0)
      }
    }
    let crc = ~remainder
    let masked = (crc >> 15 | crc << 17) &+ 0xA282_EAD8
    guard number(bytes[offset..<offset + 4]) == UInt64(masked) else { throw Damaged(offset: offset) }
  }
}

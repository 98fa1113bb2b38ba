// SPDX-License-Identifier: Apache-2.0

/// The checksum of event files: CRC-32 with the Castagnoli polynomial.
///
/// Polynomial 0x1EDC6F41, bits reflected (0x82F63B78), initial value and final xor all ones.
/// - Source: RFC 3720, section 12.1 and appendix B.4 (test vectors).
package enum CRC32C {
  /// The remainder of each byte value.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { remainder, _ in
      (remainder >> 1) ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0)
    }
  }

  /// The checksum of a run of bytes.
  /// - Complexity: O(n), one table look-up a byte.
  package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let table = table
    var remainder = UInt32.max
    for byte in bytes {
      remainder = (remainder >> 8) ^ table[Int(UInt8(truncatingIfNeeded: remainder) ^ byte)]
    }
    return ~remainder
  }

  /// The checksum as a record stores it: rotated right by 15 bits, plus a constant.
  ///
  /// A file that holds checksums of its own data gives a poor checksum of the whole; masking avoids that.
  /// - Source: the TFRecord format.
  package static func masked(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let crc = checksum(bytes)
    return ((crc >> 15) | (crc << 17)) &+ 0xA282_EAD8
  }
}

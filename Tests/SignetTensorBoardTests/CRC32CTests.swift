// SPDX-License-Identifier: Apache-2.0

import SignetTensorBoard
import Testing

/// Oracle: the test vectors of RFC 3720, appendix B.4, and the usual check value of the CRC catalogue.
@Suite struct CRC32CTests {
  static let vectors: [([UInt8], UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
    ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ([UInt8](0..<32), 0x46DD_794E),
    ([UInt8]((0..<32).reversed()), 0x113F_DB5C),
    ([UInt8]("123456789".utf8), 0xE306_9283),
    ([], 0),
  ]

  @Test(arguments: vectors)
  func publishedVectors(bytes: [UInt8], expected: UInt32) {
    #expect(CRC32C.checksum(bytes) == expected)
  }

  /// Oracle: unmasking as the TFRecord format defines it, the inverse of what is tested.
  @Test func maskIsInvertible() {
    let bytes = [UInt8]("signet".utf8)
    let rotated = CRC32C.masked(bytes) &- 0xA282_EAD8
    #expect((rotated >> 17) | (rotated << 15) == CRC32C.checksum(bytes))
    #expect(CRC32C.masked(bytes) != CRC32C.checksum(bytes))
  }
}

// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Oracles: the example digests of NIST FIPS 180-4, and Python's hashlib where said.
struct SHA256Tests {
  private static func digest(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { SHA256.hexDigest(of: $0) }
  }

  /// `count` bytes of a fixed pattern: `(7 i + 3) mod 256`.
  private static func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func matchesTheStandard(message: String, expected: String) {
    #expect(Self.digest(Array(message.utf8)) == expected)
  }

  @Test func matchesTheStandardForAMillionLetters() {
    let message = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    #expect(Self.digest(message) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  /// Oracle: hashlib, `sha256(b"".join(sha256(pattern[:n]).digest() for n in range(131)))`.
  @Test func everyLengthAroundTheBlocksMatchesHashlib() {
    var outer = SHA256()
    for count in 0...130 {
      var inner = SHA256()
      Self.pattern(count).withUnsafeBytes { inner.update($0) }
      inner.finalize().withUnsafeBytes { outer.update($0) }
    }
    #expect(outer.finalizeHex() == "b3d31aa6b4f0810cff11dc15fd1017d7ba047ad10e757b0e36ed68897e6d1851")
  }

  /// Oracle: the same bytes in one piece.
  @Test(arguments: [1, 2, 3, 7, 31, 55, 56, 63, 64, 65, 100])
  func piecesOfAnyLengthGiveTheSameDigest(piece: Int) {
    for count in 0...130 {
      let message = Self.pattern(count)
      var hash = SHA256()
      for start in stride(from: 0, to: count, by: piece) {
        message[start..<min(start + piece, count)].withUnsafeBytes { hash.update($0) }
      }
      #expect(hash.finalizeHex() == Self.digest(message), "length \(count)")
    }
  }

  /// Oracle: a fresh value.
  @Test func startsAgainAfterItsDigest() {
    var hash = SHA256()
    Self.pattern(77).withUnsafeBytes { hash.update($0) }
    _ = hash.finalize()
    #expect(hash.finalizeHex() == Self.digest([]))
  }
}

// SPDX-License-Identifier: Apache-2.0

/// SHA-256 of a stream of bytes, in portable Swift so that the runtime needs no library for it.
///
/// Feed bytes with ``update(_:)`` in pieces of any length, then take the digest with ``finalize()``.
/// - Complexity: O(n) time, constant memory, no allocation but the digest.
/// - Source: NIST FIPS 180-4.
package struct SHA256: Sendable {
  private static let initialState = SIMD8<UInt32>(
    0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19)

  private var state = SHA256.initialState
  /// The bytes of a block that is not full yet.
  private var pending = SIMD64<UInt8>()
  private var pendingCount = 0
  private var byteCount: UInt64 = 0

  /// Starts a digest of no bytes.
  package init() {}

  /// Appends bytes to the message.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    byteCount &+= UInt64(bytes.count)
    var rest = bytes[...]
    if pendingCount > 0 {
      let taken = min(64 - pendingCount, rest.count)
      fillPending(from: UnsafeRawBufferPointer(rebasing: rest.prefix(taken)))
      rest = rest.dropFirst(taken)
      guard pendingCount == 64 else { return }
      compressPending()
    }
    let whole = rest.count & ~63
    compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
    fillPending(from: UnsafeRawBufferPointer(rebasing: rest.dropFirst(whole)))
  }

  /// The 32 bytes of the digest; the value starts again at the empty message.
  package mutating func finalize() -> [UInt8] {
    let bitCount = byteCount &* 8
    pending[pendingCount] = 0x80
    clearPending(from: pendingCount + 1)
    if pendingCount >= 56 {
      compressPending()
      clearPending(from: 0)
    }
    for i in 0..<8 {
      pending[56 + i] = UInt8(truncatingIfNeeded: bitCount >> UInt64(56 - 8 * i))
    }
    compressPending()
    let digest = (0..<32).map { UInt8(truncatingIfNeeded: state[$0 / 4] >> UInt32(24 - 8 * ($0 % 4))) }
    self = SHA256()
    return digest
  }

  /// The digest of one piece of memory as 64 lower-case hexadecimal digits.
  package static func hexDigest(of bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalizeHex()
  }

  /// The digest as 64 lower-case hexadecimal digits; see ``finalize()``.
  package mutating func finalizeHex() -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func fillPending(from bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    let start = pendingCount
    withUnsafeMutableBytes(of: &pending) { block in
      UnsafeMutableRawBufferPointer(rebasing: block[start...]).copyMemory(from: bytes)
    }
    pendingCount += bytes.count
  }

  private mutating func clearPending(from start: Int) {
    for i in start..<64 { pending[i] = 0 }
  }

  private mutating func compressPending() {
    let block = pending
    withUnsafeBytes(of: block) { compress($0) }
    pendingCount = 0
  }

  /// Mixes whole blocks of 64 bytes into the state.
  private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
    guard !blocks.isEmpty else { return }
    var sum = state
    roundConstants.withUnsafeBufferPointer { constants in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
        for start in stride(from: 0, to: blocks.count, by: 64) {
          SHA256.expand(blocks, from: start, adding: constants, into: schedule)
          sum &+= SHA256.rounds(sum, schedule)
        }
      }
    }
    state = sum
  }

  /// The 64 words of a block's message schedule, each with its round constant added.
  @inline(__always)
  private static func expand(
    _ blocks: UnsafeRawBufferPointer, from start: Int, adding constants: UnsafeBufferPointer<UInt32>,
    into schedule: UnsafeMutableBufferPointer<UInt32>
  ) {
    for t in 0..<16 {
      schedule[t] = UInt32(bigEndian: blocks.loadUnaligned(fromByteOffset: start &+ 4 &* t, as: UInt32.self))
    }
    for t in 16..<64 {
      let w15 = schedule[t &- 15]
      let w2 = schedule[t &- 2]
      let s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 &>> 3)
      let s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 &>> 10)
      schedule[t] = schedule[t &- 16] &+ s0 &+ schedule[t &- 7] &+ s1
    }
    for t in 0..<64 { schedule[t] &+= constants[t] }
  }

  /// The eight working variables after 64 rounds; the caller adds them to the state.
  @inline(__always)
  private static func rounds(
    _ state: SIMD8<UInt32>, _ schedule: UnsafeMutableBufferPointer<UInt32>
  ) -> SIMD8<UInt32> {
    var a = state[0]
    var b = state[1]
    var c = state[2]
    var d = state[3]
    var e = state[4]
    var f = state[5]
    var g = state[6]
    var h = state[7]
    var t = 0
    // Eight rounds return every variable to its own name, so that nothing is moved.
    while t < 64 {
      round(a, b, c, &d, e, f, g, &h, schedule[t])
      round(h, a, b, &c, d, e, f, &g, schedule[t &+ 1])
      round(g, h, a, &b, c, d, e, &f, schedule[t &+ 2])
      round(f, g, h, &a, b, c, d, &e, schedule[t &+ 3])
      round(e, f, g, &h, a, b, c, &d, schedule[t &+ 4])
      round(d, e, f, &g, h, a, b, &c, schedule[t &+ 5])
      round(c, d, e, &f, g, h, a, &b, schedule[t &+ 6])
      round(b, c, d, &e, f, g, h, &a, schedule[t &+ 7])
      t &+= 8
    }
    return SIMD8(a, b, c, d, e, f, g, h)
  }

  @inline(__always)
  private static func round(
    _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32,
    _ e: UInt32, _ f: UInt32, _ g: UInt32, _ h: inout UInt32, _ word: UInt32
  ) {
    let choice = g ^ (e & (f ^ g))
    let majority = (a & b) | (c & (a | b))
    h = h &+ word &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ choice
    d = d &+ h
    h = h &+ (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ majority
  }

  @inline(__always)
  private static func rotate(_ x: UInt32, _ count: UInt32) -> UInt32 {
    (x &>> count) | (x &<< (32 &- count))
  }
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
private let roundConstants: [UInt32] = [
  0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
  0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
  0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
  0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
  0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
  0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
  0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
  0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
]

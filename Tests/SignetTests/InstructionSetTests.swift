// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Which instruction sets the other tests compare; one that is missing here is reported as skipped, not passed over.
///
/// Oracle: what the processor says of itself.
@Suite struct InstructionSetTests {
  private static func isHere(_ isa: ISA) -> Bool { ISA.available.contains(isa) }

  private func compare(_ isa: ISA) throws {
    #expect(KernelTable(isa)?.isa == isa)
  }

  @Test(.enabled(if: isHere(.avx2), "this machine has no AVX2: its kernels are not tested here"))
  func avx2IsTested() throws { try compare(.avx2) }

  @Test(
    .enabled(if: isHere(.avx512), "this machine has no AVX-512 VPOPCNTDQ: its kernels are not tested here"))
  func avx512IsTested() throws { try compare(.avx512) }

  @Test(.enabled(if: isHere(.neon), "this machine is no ARM64: NEON is tested by Scripts/test-neon"))
  func neonIsTested() throws { try compare(.neon) }

  /// The fastest comes last, the scalar kernels are always there.
  @Test func scalarIsAlwaysThere() {
    #expect(ISA.available.first == .scalar)
  }
}

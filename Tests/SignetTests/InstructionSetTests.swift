// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
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

  /// Training has tables of its own for what a processor has beyond an instruction set.
  private static func trains(_ name: String) -> Bool {
    GradientTable.all.contains { $0.description == name }
  }

  private func compareTraining(_ name: String) {
    let tables = GradientTable.all.filter { $0.description == name }
    #expect(tables.count == 1)
    #expect(tables.allSatisfy { $0.kernels.has_bfloat16 != name.hasSuffix("dot") })
  }

  @Test(
    .enabled(if: trains("avx512 bf16"), "this machine has no AVX-512 BF16: its kernels are not tested here"))
  func avx512BFloat16IsTested() { compareTraining("avx512 bf16") }

  @Test(.enabled(if: trains("avx512 amx"), "this machine has no AMX: its kernels are not tested here"))
  func tilesAreTested() { compareTraining("avx512 amx") }

  @Test(.enabled(if: trains("neon dot bf16"), "this machine has no BFDOT: its kernels are not tested here"))
  func neonBFloat16IsTested() { compareTraining("neon dot bf16") }

  @Test(.enabled(if: trains("neon dot"), "this machine has no SDOT: its kernels are not tested here"))
  func neonDotIsTested() { compareTraining("neon dot") }

  /// The fastest comes last, the scalar kernels are always there.
  @Test func scalarIsAlwaysThere() {
    #expect(ISA.available.first == .scalar)
  }
}

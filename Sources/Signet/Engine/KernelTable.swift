// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An instruction set that the engine has kernels for.
public enum ISA: String, CaseIterable, Codable, Sendable {
  /// What every CPU of the architecture has.
  case scalar
  /// x86-64 with AVX2 and FMA.
  case avx2
  /// x86-64 with AVX-512 F, BW, DQ, VL and VPOPCNTDQ.
  case avx512
  /// ARM64.
  case neon

  /// The instruction sets that this build and this machine can run, the fastest last.
  public static var available: [ISA] { allCases.filter { $0.kernels != nil } }

  package var kernels: UnsafePointer<sk_kernels>? {
    switch self {
    case .scalar: sk_kernels_for(.scalar)
    case .avx2: sk_kernels_for(.avx2)
    case .avx512: sk_kernels_for(.avx512)
    case .neon: sk_kernels_for(.neon)
    }
  }
}

/// The kernels of one instruction set, chosen once.
package struct KernelTable: @unchecked Sendable {
  package let isa: ISA
  package let kernels: UnsafePointer<sk_kernels>

  package init?(_ isa: ISA) {
    guard let kernels = isa.kernels else { return nil }
    self.isa = isa
    self.kernels = kernels
  }

  /// The table that `SIGNET_ISA` names, or the fastest one.
  /// - Throws: ``EngineError`` if the variable names no instruction set, or one that can't run here.
  package static func chosen() throws -> KernelTable {
    try chosen(named: getenv("SIGNET_ISA").map { String(cString: $0) })
  }

  /// The table of this name, or the fastest one for nil; see ``chosen()``.
  package static func chosen(named name: String?) throws -> KernelTable {
    guard let name else {
      for isa in ISA.available.reversed() {
        if let table = KernelTable(isa) { return table }
      }
      throw EngineError(.unsupportedISA, "this build has no kernels")
    }
    guard let isa = ISA(rawValue: name), let table = KernelTable(isa) else {
      let names = ISA.available.map(\.rawValue).joined(separator: ", ")
      throw EngineError(
        .unsupportedISA,
        "SIGNET_ISA is “\(name)”, but this machine runs \(names); set it to one of them, or unset it")
    }
    return table
  }
}

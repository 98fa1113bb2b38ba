// SPDX-License-Identifier: Apache-2.0

/// A step of a compiled plan: one pass of kernels from one buffer of the arena to another.
package protocol PlanStep: Sendable {
  /// The operator whose result this step completes.
  var name: String { get }
  /// Bytes of one image's result.
  var outputBytes: Int { get }
  /// Bytes of one image that the step needs for itself.
  var scratchBytes: Int { get }
  /// Multiply-adds of one image on bits; a plane counts as one.
  var binaryMACs: Int { get }
  /// Multiply-adds of one image on floats.
  var floatMACs: Int { get }
  /// Multiply-adds of one image on bytes.
  var byteMACs: Int { get }
  /// The convolution on bits, if the step has one: its accumulators can be asked for.
  var packed: PackedConvolution? { get }

  func run(_ memory: StepMemory, images: Int, on crew: Crew)
}

extension PlanStep {
  package var scratchBytes: Int { 0 }
  package var binaryMACs: Int { 0 }
  package var floatMACs: Int { 0 }
  package var byteMACs: Int { 0 }
  package var packed: PackedConvolution? { nil }
}

/// Where a step reads, writes and works.
package struct StepMemory {
  package var input: UnsafeMutableRawPointer
  package var output: UnsafeMutableRawPointer
  package var scratch: UnsafeMutableRawPointer

  package var reals: UnsafeMutablePointer<Float> { input.assumingMemoryBound(to: Float.self) }
  package var codes: UnsafeMutablePointer<UInt32> { input.assumingMemoryBound(to: UInt32.self) }
  package var outputReals: UnsafeMutablePointer<Float> { output.assumingMemoryBound(to: Float.self) }
  package var outputCodes: UnsafeMutablePointer<UInt32> { output.assumingMemoryBound(to: UInt32.self) }
}

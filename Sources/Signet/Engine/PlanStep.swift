// SPDX-License-Identifier: Apache-2.0

/// A step of a compiled plan: one pass of kernels from one buffer of the arena to another.
package protocol PlanStep: Sendable {
  /// The operator whose result this step completes.
  var name: String { get }
  /// Bytes of one image's result.
  var outputBytes: Int { get }
  /// The convolution on bits, if the step has one: its accumulators can be asked for.
  var packed: PackedConvolution? { get }
  /// The convolution of bytes, if the step has one: its accumulators can be asked for.
  var ofPixels: PixelConvolution? { get }

  func run(_ memory: StepMemory, images: Int, on crew: Crew)
}

extension PlanStep {
  package var packed: PackedConvolution? { nil }
  package var ofPixels: PixelConvolution? { nil }
}

/// Where a step reads and writes.
package struct StepMemory {
  package var input: UnsafeMutableRawPointer
  package var output: UnsafeMutableRawPointer

  package var reals: UnsafeMutablePointer<Float> { input.assumingMemoryBound(to: Float.self) }
  package var codes: UnsafeMutablePointer<UInt32> { input.assumingMemoryBound(to: UInt32.self) }
  package var outputReals: UnsafeMutablePointer<Float> { output.assumingMemoryBound(to: Float.self) }
  package var outputCodes: UnsafeMutablePointer<UInt32> { output.assumingMemoryBound(to: UInt32.self) }
}

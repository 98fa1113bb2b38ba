// SPDX-License-Identifier: Apache-2.0

package import CSignetKernels

/// Reals to residual codes: `z = fma(scale, x, shift)`, `H_m = sign(r_m)`, `r_(m+1) = r_m − β_m H_m`.
package struct BitEncoder: Sendable {
  package let layout: CodeLayout
  /// Empty, and `shift` too, for `z = x`.
  package var scale: [Float]
  package var shift: [Float]
  package var betas: [Float]
  /// The mask has the bits of |z| ≤ edge.
  package var edge: Float
  private let blocks: [sk_block]

  package init(layout: CodeLayout, scale: [Float], shift: [Float], betas: [Float], edge: Float = 1) {
    self.layout = layout
    self.scale = scale
    self.shift = shift
    self.betas = betas
    self.edge = edge
    blocks = layout.blocks
  }

  /// Encodes `rows` pixels; `mask` receives the bits of |z| ≤ ``edge`` in one plane.
  package func run(
    _ reals: UnsafePointer<Float>, rows: Int, to codes: UnsafeMutablePointer<UInt32>,
    mask: UnsafeMutablePointer<UInt32>?, on crew: Crew
  ) {
    let values = sk_values(data: reals, shorts: false, channels: UInt32(layout.channels), slope: nil)
    run(values, rows: rows, to: codes, mask: mask, on: crew)
  }

  /// Encodes `rows` pixels of values of any kind.
  package func run(
    _ values: sk_values, rows: Int, to codes: UnsafeMutablePointer<UInt32>,
    mask: UnsafeMutablePointer<UInt32>?, on crew: Crew
  ) {
    scale.withUnsafeBufferPointer { scale in
      shift.withUnsafeBufferPointer { shift in
        betas.withUnsafeBufferPointer { betas in
          guard let beta = betas.baseAddress else { return }
          run(
            values, rows: rows, scale: scale.isEmpty ? nil : scale.baseAddress,
            shift: shift.isEmpty ? nil : shift.baseAddress, betas: beta, planes: betas.count, to: codes,
            mask: mask, on: crew)
        }
      }
    }
  }

  /// Encodes with other numbers than the encoder's own, wherever they lie: `scale` and `shift` of each channel, both nil for
  /// `z = x`, and `planes` of `betas`.
  package func run(
    _ values: sk_values, rows: Int, scale: UnsafePointer<Float>?, shift: UnsafePointer<Float>?,
    betas: UnsafePointer<Float>, planes: Int, to codes: UnsafeMutablePointer<UInt32>,
    mask: UnsafeMutablePointer<UInt32>?, on crew: Crew
  ) {
    let halves = UInt32(layout.words * 2)
    blocks.withUnsafeBufferPointer { blocks in
      guard let blockTable = blocks.baseAddress else { return }
      let call = sk_encode(
        input: values, scale: scale, shift: shift, betas: betas, planes: UInt32(planes), blocks: blockTable,
        block_count: UInt32(blocks.count),
        output: UnsafeMutableRawPointer(codes).assumingMemoryBound(to: UInt16.self),
        pixel_stride: halves * UInt32(planes), plane_stride: halves,
        mask: mask.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt16.self) }, edge: edge)
      withUnsafePointer(to: call) { call in
        crew.pool.runRanges(rows, grain: 64) { range, _ in
          crew.kernels.encode(call, range.lowerBound, range.upperBound)
        }
      }
    }
  }
}

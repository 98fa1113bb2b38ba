// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Calls `body` with values as kernels read them: reals, with the slopes of an activation function or without.
func withValues<Result>(
  _ x: [Float], channels: Int, slopes: [Float]? = nil, _ body: (UnsafePointer<sk_values>) -> Result
) -> Result {
  x.withUnsafeBytes { x in withValues(x, areShort: false, channels: channels, slopes: slopes, body) }
}

/// The same with 16-bit accumulators.
func withValues<Result>(
  _ x: [Int16], channels: Int, slopes: [Float]? = nil, _ body: (UnsafePointer<sk_values>) -> Result
) -> Result {
  x.withUnsafeBytes { x in withValues(x, areShort: true, channels: channels, slopes: slopes, body) }
}

private func withValues<Result>(
  _ x: UnsafeRawBufferPointer, areShort: Bool, channels: Int, slopes: [Float]?,
  _ body: (UnsafePointer<sk_values>) -> Result
) -> Result {
  guard let data = x.baseAddress else { preconditionFailure("no values") }
  func call(_ slope: UnsafePointer<Float>?) -> Result {
    var values = sk_values(data: data, shorts: areShort, channels: UInt32(channels), slope: slope)
    return body(&values)
  }
  guard let slopes else { return call(nil) }
  return slopes.withUnsafeBufferPointer { call($0.baseAddress) }
}

/// Calls `body` with pointers to five arrays.
func withPointers<Result>(
  _ a: [Float], _ b: [Float], _ c: [Float], _ d: [Float], _ e: [Float],
  _ body: (
    UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>,
    UnsafePointer<Float>
  ) -> Result
) -> Result {
  body(a, b, c, d, e)
}

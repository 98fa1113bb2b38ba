// SPDX-License-Identifier: Apache-2.0
//
// Byte by byte, each widened to 32 bits: levels are unsigned, gradients signed.

SK_INLINE sk_i32 SK_NAME(dot_bytes)(sk_i32 sum, sk_u32 panel, uint32_t word) {
  SK_UNROLL for (int k = 0; k < 4; ++k) {
    sum += (sk_i32)(panel >> (uint32_t)(8 * k) & 255u) * (int32_t)(int8_t)(word >> (8 * k));
  }
  return sum;
}

// SPDX-License-Identifier: Apache-2.0
//
// 64 products of unsigned and signed bytes in one instruction, four to a lane.

SK_INLINE sk_i32 SK_NAME(dot_bytes)(sk_i32 sum, sk_u32 panel, uint32_t word) {
  return (sk_i32)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)panel, _mm512_set1_epi32((int)word));
}

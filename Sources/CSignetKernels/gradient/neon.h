// SPDX-License-Identifier: Apache-2.0
//
// Levels are at most 126, so both operands can be signed. With the dot-product extension a vector is 4 sdot; without
// it, products are 16 bits wide (2 smull), and two pairwise sums widen them: 4 instructions for 4 channels.

SK_INLINE sk_i32 SK_NAME(dot_bytes)(sk_i32 sum, sk_u32 panel, uint32_t word) {
  int8x16_t levels[4];
  int32x4_t sums[4];
  memcpy(levels, &panel, sizeof levels);
  memcpy(sums, &sum, sizeof sums);
  const int8x16_t gradient = vreinterpretq_s8_u32(vdupq_n_u32(word));
  SK_UNROLL for (int q = 0; q < 4; ++q) {
#ifdef SK_NEON_DOT
    sums[q] = vdotq_s32(sums[q], levels[q], gradient);
#else
    const int16x8_t low = vmull_s8(vget_low_s8(levels[q]), vget_low_s8(gradient));
    sums[q] = vpadalq_s16(sums[q], vpaddq_s16(low, vmull_high_s8(levels[q], gradient)));
#endif
  }
  memcpy(&sum, sums, sizeof sum);
  return sum;
}

// SPDX-License-Identifier: Apache-2.0
//
// Both operands are signed: 128 is taken off each byte, and the sum of the weights gives it back. A part has four
// channels of four weights. 4 rows x 1 vector are 16 sums, 4 weights and an activation in 32 registers.
//
// With the dot-product extension a step is 4 sdot. Without it, products are 16 bits wide: 2 smull, a pairwise sum of
// two (at most 2 * 128 * 127, which fits since weights are -127...127) and a pairwise sum into 32 bits: 16
// instructions.
#define SK_PIXEL_ROWS 4
#define SK_PIXEL_VECTORS 1
#define SK_PIXEL_PARTS 4
#define SK_PIXEL_LOWERED 128
#define SK_PIXEL_OPAQUE(x) __asm__ volatile("" : "+w"(x))

#ifndef SIGNET_PIXEL_NEON_H
#define SIGNET_PIXEL_NEON_H
typedef int8x16_t sk_pixel_activation;
typedef int8x16_t sk_pixel_weights;
typedef int32x4_t sk_pixel_sums;
#endif

SK_INLINE sk_pixel_activation SK_PIXEL(pixel_spread)(const uint8_t *at) {
  uint32_t four;
  memcpy(&four, at, 4);
  return vreinterpretq_s8_u32(vdupq_n_u32(four ^ 0x80808080u));
}

SK_INLINE sk_pixel_weights SK_PIXEL(pixel_weights)(const int8_t *panel) { return vld1q_s8(panel); }

SK_INLINE sk_pixel_sums SK_PIXEL(pixel_add)(sk_pixel_sums sums, sk_pixel_activation activation,
                                           sk_pixel_weights weights) {
#if SK_PIXEL_DOT
  return vdotq_s32(sums, weights, activation);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(activation));
  return vpadalq_s16(sums, vpaddq_s16(low, vmull_high_s8(weights, activation)));
#endif
}

SK_INLINE sk_i32 SK_PIXEL(pixel_total)(const sk_pixel_sums *sums) {
  sk_i32 total;
  memcpy(&total, sums, sizeof total);
  return total;
}

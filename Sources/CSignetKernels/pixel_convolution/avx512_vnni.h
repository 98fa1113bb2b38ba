// SPDX-License-Identifier: Apache-2.0
//
// A step is one vpdpbusd: 64 products of unsigned and signed bytes, four to a lane, without saturation. 6 rows x 4
// vectors are 24 sums, 4 weights and an activation: 29 of 32 registers, and 10 loads for 24 steps.
#define SK_PIXEL SK_NAME
#define SK_PIXEL_ROWS 6
#define SK_PIXEL_VECTORS 4
#define SK_PIXEL_PARTS 1
#define SK_PIXEL_LOWERED 0
#define SK_PIXEL_OPAQUE(x) __asm__ volatile("" : "+v"(x))

typedef __m512i sk_pixel_activation;
typedef __m512i sk_pixel_weights;
typedef __m512i sk_pixel_sums;

SK_INLINE sk_pixel_activation SK_PIXEL(pixel_spread)(const uint8_t *at) {
  int32_t four;
  memcpy(&four, at, 4);
  return _mm512_set1_epi32(four);
}

SK_INLINE sk_pixel_weights SK_PIXEL(pixel_weights)(const int8_t *panel) { return _mm512_loadu_si512(panel); }

SK_INLINE sk_pixel_sums SK_PIXEL(pixel_add)(sk_pixel_sums sums, sk_pixel_activation activation,
                                           sk_pixel_weights weights) {
  return _mm512_dpbusd_epi32(sums, activation, weights);
}

SK_INLINE sk_i32 SK_PIXEL(pixel_total)(const sk_pixel_sums *sums) { return (sk_i32)sums[0]; }

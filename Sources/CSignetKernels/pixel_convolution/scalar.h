// SPDX-License-Identifier: Apache-2.0
//
// A step in plain integers: byte by byte, each weight widened to 32 bits.
#define SK_PIXEL SK_NAME
#define SK_PIXEL_ROWS 4
#define SK_PIXEL_VECTORS 1
#define SK_PIXEL_PARTS 1
#define SK_PIXEL_LOWERED 0
#define SK_PIXEL_OPAQUE(x) __asm__ volatile("" : "+m"(x))

typedef uint32_t sk_pixel_activation;
typedef sk_i32 sk_pixel_weights;
typedef sk_i32 sk_pixel_sums;

SK_INLINE sk_pixel_activation SK_PIXEL(pixel_spread)(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

// Lane c has the four weights of channel c, the first one lowest.
SK_INLINE sk_pixel_weights SK_PIXEL(pixel_weights)(const int8_t *panel) { return SK_LOAD_I32(panel); }

SK_INLINE sk_pixel_sums SK_PIXEL(pixel_add)(sk_pixel_sums sums, sk_pixel_activation activation,
                                           sk_pixel_weights weights) {
  SK_UNROLL for (int k = 0; k < 4; ++k) {
    const sk_i32 weight = (sk_i32)((sk_u32)weights << (24 - 8 * k)) >> 24;
    sums += weight * (int32_t)(activation >> (8 * k) & 255);
  }
  return sums;
}

SK_INLINE sk_i32 SK_PIXEL(pixel_total)(const sk_pixel_sums *sums) { return sums[0]; }

// SPDX-License-Identifier: Apache-2.0
//
// The straight-through mask at the end of an input gradient.

// Writes `count` channels of a pixel where the mask has a bit, as `kind`: constants, where they are known.
SK_INLINE void SK_NAME(store_masked_as)(const sk_input_gradient *g, size_t pixel, size_t column, const sk_f32 *value,
                                        sk_precision kind, uint32_t count) {
  const size_t c = column * SK_LANES;
  const uint16_t half = ((const uint16_t *)(g->mask + pixel * g->mask_words))[column];
#ifdef SK_MASK_REGISTERS
  const sk_f32 kept = (sk_f32)_mm512_maskz_mov_ps(half, (__m512)*value);
#else
  const sk_u32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const sk_f32 kept = SK_SELECT((sk_i32)(((sk_u32)(uint32_t)half >> lane) & 1u) == 1, *value, (sk_f32)0);
#endif
  SK_NAME(store_gradient)(g->dx, kind, pixel * g->pixel_stride + c, &kept, count);
}

SK_INLINE void SK_NAME(store_masked)(const sk_input_gradient *g, size_t pixel, size_t column, const sk_f32 *value) {
  SK_NAME(store_masked_as)(g, pixel, column, value, g->kind, SK_NAME(lanes_left)(g->channels, column * SK_LANES));
}

// The same for some pixels in columns [begin, end); `values` are [pixel][step], from the first column on.
SK_INLINE void SK_NAME(store_masked_pixels)(const sk_input_gradient *g, size_t pixel, size_t pixels, size_t begin,
                                            size_t end, const sk_f32 *values, size_t step) {
  const int is_full = g->channels >= end * SK_LANES && g->kind == SK_PRECISION_BFLOAT16;
  for (size_t p = 0; p < pixels; ++p, values += step) {
    for (size_t column = begin; column < end; ++column) {
      if (is_full) {
        SK_NAME(store_masked_as)(g, pixel + p, column, values + column - begin, SK_PRECISION_BFLOAT16, SK_LANES);
      } else {
        SK_NAME(store_masked)(g, pixel + p, column, values + column - begin);
      }
    }
  }
}

#ifdef SK_TILES
// The same for two whole columns, the first an even one, as bfloat16: a store a pixel.
SK_INLINE void SK_NAME(store_masked_pairs)(const sk_input_gradient *g, size_t pixel, size_t pixels, size_t column,
                                           const sk_f32 *values) {
  const SK_NAME(order_of_words) odd = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                         33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
  const uint32_t *mask = g->mask + pixel * g->mask_words + column / 2;
  uint16_t *to = (uint16_t *)g->dx + pixel * g->pixel_stride + column * SK_LANES;
  for (; pixels > 0; --pixels, values += 2, mask += g->mask_words, to += g->pixel_stride) {
    const __m512i low = (__m512i)SK_NAME(rounded_to_bfloat16)(values[0]);
    const __m512i high = (__m512i)SK_NAME(rounded_to_bfloat16)(values[1]);
    const __m512i both = _mm512_permutex2var_epi16(low, (__m512i)odd, high);
    _mm512_storeu_si512(to, _mm512_maskz_mov_epi16(*mask, both));
  }
}
#endif

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

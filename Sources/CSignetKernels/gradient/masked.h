// SPDX-License-Identifier: Apache-2.0
//
// The straight-through mask at the end of an input gradient.

// Writes 16 channels of a pixel where the mask has a bit.
SK_INLINE void SK_NAME(store_masked)(const sk_input_gradient *g, size_t pixel, size_t column, const sk_f32 *value) {
  const size_t c = column * SK_LANES;
  const uint16_t half = ((const uint16_t *)(g->mask + pixel * g->mask_words))[column];
#ifdef SK_MASK_REGISTERS
  const sk_f32 kept = (sk_f32)_mm512_maskz_mov_ps(half, (__m512)*value);
#else
  const sk_u32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const sk_f32 kept = SK_SELECT((sk_i32)(((sk_u32)(uint32_t)half >> lane) & 1u) == 1, *value, (sk_f32)0);
#endif
  SK_NAME(store_gradient)(g->dx, g->kind, pixel * g->pixel_stride + c, &kept, SK_NAME(lanes_left)(g->channels, c));
}

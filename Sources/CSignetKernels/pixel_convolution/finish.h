// SPDX-License-Identifier: Apache-2.0
//
// The end of a tile of bytes, but for bits of one plane, which are decided on registers.

// Sums without the zero byte become what the next layer reads.
static __attribute__((noinline)) void SK_NAME(finish_pixels)(const sk_pixel_convolution *c, const sk_i32 *sums,
                                                             size_t rows, size_t vectors, size_t first_block,
                                                             size_t pixel) {
  const size_t lanes = (size_t)c->block_count * SK_LANES;
  const sk_output *out = &c->output;
  for (size_t r = 0; r < rows; ++r, ++pixel) {
    for (size_t v = 0; v < vectors; ++v) {
      const sk_block *block = c->blocks + first_block + v;
      const size_t lane = (first_block + v) * SK_LANES, at = pixel * out->pixel_stride;
      const sk_i32 sum = sums[r * vectors + v];
      if (out->kind == SK_OUTPUT_CODES || out->kind == SK_OUTPUT_LEVELS) {
        SK_NAME(write_levels)(out, (sk_u32)sum, out->start + lane, out->width + lane, lanes, out->planes,
                              (uint16_t *)out->data + at + block->position);
        continue;
      }
      const sk_i32 acc = sum + SK_LOAD_I32(c->base + lane);
      if (out->kind == SK_OUTPUT_ACCUMULATORS) {
        SK_NAME(store_lanes)((int32_t *)out->data + at + block->channel, &acc, block->count);
        continue;
      }
      sk_f32 value = SK_FMA(__builtin_convertvector(acc, sk_f32), SK_LOAD_F32(c->scale + lane),
                            SK_LOAD_F32(c->shift + lane));
      if (c->slope) value = SK_SELECT(value >= 0, value, SK_LOAD_F32(c->slope + lane) * value);
      SK_NAME(store_lanes)((float *)out->data + at + block->channel, &value, block->count);
    }
  }
}

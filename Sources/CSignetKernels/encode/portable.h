// SPDX-License-Identifier: Apache-2.0
//
// Reals to residual codes: normalise, take the sign, subtract, take the next sign.

SK_INLINE void SK_NAME(encode_of)(const sk_values *v, bool shorts, const sk_encode *e, size_t begin, size_t end) {
  for (size_t row = begin; row < end; ++row) {
    uint16_t *codes = e->output + row * e->pixel_stride;
    uint16_t *mask = e->mask ? e->mask + row * e->plane_stride : 0;
    for (uint32_t b = 0; b < e->block_count; ++b) {
      const sk_block block = e->blocks[b];
      const uint16_t used = (uint16_t)((1u << block.count) - 1);
      sk_f32 z = SK_NAME(activated)(v, SK_NAME(load_raw)(v, shorts, row, block.channel, block.count), block.channel,
                                    block.count);
      if (e->scale) {
        z = SK_FMA(SK_NAME(load_lanes)(e->scale + block.channel, block.count), z,
                   SK_NAME(load_lanes)(e->shift + block.channel, block.count));
      }
      if (mask) mask[block.position] = SK_BITS((z <= e->edge) & (z >= -e->edge)) & used;
      for (uint32_t m = 0; m < e->planes; ++m) {
        const sk_i32 positive = z >= 0.0f;
        codes[m * e->plane_stride + block.position] = SK_BITS(positive) & used;
        const sk_f32 beta = (sk_f32)e->betas[m];
        z = SK_SELECT(positive, z - beta, z + beta);
      }
    }
  }
}

static void SK_NAME(encode)(const sk_encode *e, size_t begin, size_t end) {
  SK_EITHER(&e->input, encode_of, e, begin, end)
}

// SPDX-License-Identifier: Apache-2.0
//
// Reals to residual codes: normalise, take the sign, subtract, take the next sign.

SK_INLINE sk_f32 SK_NAME(load_lanes)(const float *from, uint32_t count) {
  sk_f32 lanes = 0;
  if (count == SK_LANES) return SK_LOAD_F32(from);
  memcpy(&lanes, from, count * sizeof(float));
  return lanes;
}

static void SK_NAME(encode)(const sk_encode *e, size_t begin, size_t end) {
  for (size_t row = begin; row < end; ++row) {
    const float *input = e->input + row * e->channels;
    uint16_t *codes = e->output + row * e->pixel_stride;
    uint16_t *mask = e->mask ? e->mask + row * e->plane_stride : 0;
    for (uint32_t b = 0; b < e->block_count; ++b) {
      const sk_block block = e->blocks[b];
      const uint16_t used = (uint16_t)((1u << block.count) - 1);
      sk_f32 z = SK_NAME(load_lanes)(input + block.channel, block.count);
      if (e->scale) {
        z = SK_FMA(SK_NAME(load_lanes)(e->scale + block.channel, block.count), z,
                   SK_NAME(load_lanes)(e->shift + block.channel, block.count));
      }
      if (mask) mask[block.position] = SK_BITS((z <= 1.0f) & (z >= -1.0f)) & used;
      for (uint32_t m = 0; m < e->planes; ++m) {
        const sk_i32 positive = z >= 0.0f;
        codes[m * e->plane_stride + block.position] = SK_BITS(positive) & used;
        const sk_f32 beta = (sk_f32)e->betas[m];
        z = SK_SELECT(positive, z - beta, z + beta);
      }
    }
  }
}

// Summed lane by lane and then over the lanes in order, so that the sum does not depend on the ISA.
static float SK_NAME(residual_magnitude)(const float *x, const float *scale, const float *shift, const float *betas,
                                         size_t planes, size_t rows, size_t channels) {
  sk_f32 lanes = 0;
  for (size_t row = 0; row < rows; ++row, x += channels) {
    for (size_t c = 0; c < channels; c += SK_LANES) {
      const uint32_t count = (uint32_t)(channels - c < SK_LANES ? channels - c : SK_LANES);
      sk_f32 z = SK_FMA(SK_NAME(load_lanes)(scale + c, count), SK_NAME(load_lanes)(x + c, count),
                        SK_NAME(load_lanes)(shift + c, count));
      for (size_t m = 0; m < planes; ++m) z = SK_SELECT(z >= 0.0f, z - betas[m], z + betas[m]);
      sk_f32 magnitude = SK_SELECT(z >= 0.0f, z, -z);
      if (count < SK_LANES) {
        sk_f32 used = 0;
        memcpy(&used, &magnitude, count * sizeof(float));
        magnitude = used;
      }
      lanes += magnitude;
    }
  }
  float sum = 0;
  for (int i = 0; i < SK_LANES; ++i) sum += lanes[i];
  return sum;
}

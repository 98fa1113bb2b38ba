// SPDX-License-Identifier: Apache-2.0
//
// The end of a binary tile: popcounts become what the next layer reads.

// Writes which levels are reached, or their code. `planes` is a constant where this is inlined.
SK_INLINE void SK_NAME(write_reached)(const uint16_t *reached, sk_output_kind kind, size_t plane_stride,
                                      uint32_t planes, uint16_t *halves) {
  const uint32_t levels = (1u << planes) - 1;
  if (kind == SK_OUTPUT_LEVELS) {
    for (uint32_t j = 0; j < levels; ++j) halves[j * plane_stride] = reached[j];
    return;
  }
  for (uint32_t m = 0; m < planes; ++m) {
    const uint32_t step = 1u << (planes - 1 - m);
    uint16_t parity = 0;
    for (uint32_t j = step; j <= levels; j += step) parity ^= reached[j - 1];
    halves[m * plane_stride] = parity;
  }
}

// Levels reached by 16 sums of popcounts, or their code.
SK_INLINE void SK_NAME(write_levels)(const sk_output *out, sk_u32 sum, const uint32_t *start, const uint32_t *width,
                                     size_t lanes, uint32_t planes, uint16_t *halves) {
  uint16_t reached[1 << SK_MAX_PLANES];
  const uint32_t levels = (1u << planes) - 1;
  for (uint32_t j = 0; j < levels; ++j) {
    reached[j] = SK_BITS(sum + SK_LOAD_U32(start + j * lanes) < SK_LOAD_U32(width + j * lanes));
  }
  SK_NAME(write_reached)(reached, out->kind, out->plane_stride, planes, halves);
}

// The sum of a pixel's planes, weighted; `rows` are its popcounts.
SK_INLINE sk_u32 SK_NAME(weighted_sum)(const uint32_t *rows, size_t stride, const int32_t *weights, uint32_t planes) {
  sk_u32 sum = SK_LOAD_U32(rows);
  if (planes == 1) return sum;
  sum *= (uint32_t)weights[0];
  for (uint32_t m = 1; m < planes; ++m) sum += (uint32_t)weights[m] * SK_LOAD_U32(rows + m * stride);
  return sum;
}

// The pixels of a tile from its popcounts, [rows][stride]. Fields are read once: stores of bits might alias them.
#define SK_FINISH(BODY)                                                                                                \
  const size_t lanes = (size_t)c->block_count * SK_LANES;                                                              \
  const sk_output out = c->output;                                                                                     \
  const sk_block *blocks = c->blocks + first_block;                                                                    \
  for (uint32_t p = 0; p < tile->pixels; ++p) {                                                                        \
    const size_t pixel = tile->pixel + p, border = tile->classes[p];                                                   \
    for (size_t b = 0; b < count; ++b) {                                                                               \
      const sk_u32 sum = SK_NAME(weighted_sum)(counts + p * planes * stride + b * SK_LANES, stride, c->plane_weights,  \
                                               planes);                                                                \
      const size_t lane = (first_block + b) * SK_LANES;                                                                \
      BODY                                                                                                             \
    }                                                                                                                  \
  }

SK_INLINE void SK_NAME(finish_bits)(const sk_binary_convolution *c, const uint32_t *counts, size_t stride,
                                    const SK_NAME(tile) *tile, size_t first_block, size_t count, uint32_t planes,
                                    uint32_t out_planes) {
  const size_t levels = (1u << out_planes) - 1;
  SK_FINISH({
    const size_t at = border * lanes * levels + lane;
    SK_NAME(write_levels)(&out, sum, out.start + at, out.width + at, lanes, out_planes,
                          (uint16_t *)out.data + pixel * out.pixel_stride + blocks[b].position);
  })
}

SK_INLINE void SK_NAME(finish_reals)(const sk_binary_convolution *c, const uint32_t *counts, size_t stride,
                                     const SK_NAME(tile) *tile, size_t first_block, size_t count, uint32_t planes) {
  SK_FINISH({
    const sk_i32 acc = SK_LOAD_I32(c->base + border * lanes + lane) - 2 * (sk_i32)sum;
    const size_t at = pixel * out.pixel_stride + blocks[b].channel;
    if (out.kind == SK_OUTPUT_ACCUMULATORS) {
      SK_NAME(store_lanes)((int32_t *)out.data + at, &acc, blocks[b].count);
    } else if (out.kind == SK_OUTPUT_SHORTS) {
      SK_NAME(store_shorts)((int16_t *)out.data + at, __builtin_convertvector(acc, sk_i16), blocks[b].count);
    } else {
      const sk_f32 reals = __builtin_convertvector(acc, sk_f32) * out.unit;
      SK_NAME(store_lanes)((float *)out.data + at, &reals, blocks[b].count);
    }
  })
}

// Constants for the common numbers of planes let the compiler unroll.
static __attribute__((noinline)) void SK_NAME(finish_tile)(const sk_binary_convolution *c, const uint32_t *counts,
                                                           size_t stride, const SK_NAME(tile) *tile,
                                                           size_t first_block, size_t count) {
  const uint32_t planes = c->planes, out_planes = c->output.planes;
  if (c->output.kind != SK_OUTPUT_CODES && c->output.kind != SK_OUTPUT_LEVELS) {
    if (planes == 1) {
      SK_NAME(finish_reals)(c, counts, stride, tile, first_block, count, 1);
    } else {
      SK_NAME(finish_reals)(c, counts, stride, tile, first_block, count, planes);
    }
  } else if (planes == 1 && out_planes == 1) {
    SK_NAME(finish_bits)(c, counts, stride, tile, first_block, count, 1, 1);
  } else if (planes == 2 && out_planes == 2) {
    SK_NAME(finish_bits)(c, counts, stride, tile, first_block, count, 2, 2);
  } else {
    SK_NAME(finish_bits)(c, counts, stride, tile, first_block, count, planes, out_planes);
  }
}

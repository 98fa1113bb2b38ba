// SPDX-License-Identifier: Apache-2.0
//
// Convolution of reals in the tiles of the binary one: activations broadcast, 16 output channels a vector, one
// fused multiply-add for each tap and channel in a fixed order. The order of an output's sum does not depend on
// the tile, so neither does its value.

// A vector of a tile as codes: the same operations as the kernel that encodes reals from memory.
SK_INLINE void SK_NAME(encode_lanes)(const sk_codes *e, sk_f32 value, size_t lane, const sk_block *block,
                                     size_t pixel) {
  const uint16_t used = (uint16_t)((1u << block->count) - 1);
  uint16_t *codes = e->output + pixel * e->pixel_stride + block->position;
  sk_f32 z = SK_FMA(SK_LOAD_F32(e->scale + lane), value, SK_LOAD_F32(e->shift + lane));
  for (uint32_t m = 0; m < e->planes; ++m) {
    const sk_i32 positive = z >= 0.0f;
    codes[m * e->plane_stride] = SK_BITS(positive) & used;
    const sk_f32 beta = (sk_f32)e->betas[m];
    z = SK_SELECT(positive, z - beta, z + beta);
  }
}

#define SK_FLOAT_TILE(ROWS, VECTORS)                                                                                   \
  static __attribute__((noinline)) void SK_NAME(float_tile_##ROWS##x##VECTORS)(                                        \
      const sk_float_convolution *c, const SK_NAME(tile) *tile, size_t block) {                                        \
    const size_t elements = tile->elements, stream = c->stream;                                                        \
    const float *panel = c->panel + block * stream;                                                                    \
    const void *const *rows = tile->rows;                                                                              \
    sk_f32 sums[ROWS][VECTORS];                                                                                        \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      const sk_f32 bias = SK_LOAD_F32(c->bias + (block + v) * SK_LANES);                                               \
      SK_UNROLL for (int r = 0; r < ROWS; ++r) sums[r][v] = bias;                                                      \
    }                                                                                                                  \
    for (size_t run = 0; run < tile->runs; ++run, rows += ROWS, panel += elements * SK_LANES) {                        \
      for (size_t k = 0; k < elements; ++k) {                                                                          \
        sk_f32 weights[VECTORS];                                                                                       \
        SK_UNROLL for (int v = 0; v < VECTORS; ++v) weights[v] = SK_LOAD_F32(panel + v * stream + k * SK_LANES);       \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                     \
          const sk_f32 activation = (sk_f32)((const float *)rows[r])[k];                                               \
          SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[r][v] = SK_FMA(activation, weights[v], sums[r][v]);         \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      const sk_block *to = c->blocks + block + v;                                                                      \
      SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                       \
        sk_f32 value = sums[r][v];                                                                                     \
        if (c->slope) {                                                                                                \
          value = SK_SELECT(value >= 0, value, SK_LOAD_F32(c->slope + (block + v) * SK_LANES) * value);                \
        }                                                                                                              \
        if (c->codes) {                                                                                                \
          SK_NAME(encode_lanes)(c->codes, value, (block + v) * SK_LANES, to, tile->pixel + r);                         \
        } else {                                                                                                       \
          SK_NAME(store_lanes)(c->output + (tile->pixel + r) * c->output_stride + to->channel, &value, to->count);     \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

#define SK_FLOAT_TILES(VECTORS)                                                                                        \
  SK_FLOAT_TILE(1, VECTORS)                                                                                            \
  SK_FLOAT_TILE(2, VECTORS)                                                                                            \
  SK_FLOAT_TILE(3, VECTORS)                                                                                            \
  SK_FLOAT_TILE(4, VECTORS)                                                                                            \
  SK_FLOAT_TILE(5, VECTORS)                                                                                            \
  SK_FLOAT_TILE(6, VECTORS)                                                                                            \
  static SK_NAME(float_tile) *const SK_NAME(float_tiles_x##VECTORS)[] = {                                              \
      SK_NAME(float_tile_1x##VECTORS), SK_NAME(float_tile_2x##VECTORS), SK_NAME(float_tile_3x##VECTORS),               \
      SK_NAME(float_tile_4x##VECTORS), SK_NAME(float_tile_5x##VECTORS), SK_NAME(float_tile_6x##VECTORS)};

typedef void SK_NAME(float_tile)(const sk_float_convolution *, const SK_NAME(tile) *, size_t);
SK_FLOAT_TILES(1)
#if SK_VECTORS >= 2
SK_FLOAT_TILES(2)
#endif
#if SK_VECTORS >= 4
SK_FLOAT_TILES(4)
#endif

static void SK_NAME(float_convolution)(const sk_float_convolution *c, size_t begin, size_t end, size_t first_block,
                                       size_t end_block, const void **scratch) {
  const sk_window *w = &c->window;
  const SK_NAME(source) source = {
      .input = (const char *)c->input,
      .zeros = (const char *)c->zeros,
      .image_bytes = (size_t)w->in_height * (size_t)w->in_width * c->pixel_stride * sizeof(float),
      .pixel_bytes = (size_t)c->pixel_stride * sizeof(float),
      .planes = 1,
      .elements = c->channels,
      .joined = c->pixel_stride == c->channels,
  };
  const size_t taps = (size_t)w->kernel_height * (size_t)w->kernel_width, chunk = SK_NAME(chunk_tiles)(taps);
  const int pointwise = SK_NAME(pointwise)(w);
  SK_NAME(tile) tiles[SK_CHUNK];
  SK_NAME(cursor) at = SK_NAME(cursor_at)(w, begin);
  for (size_t pixel = begin; pixel < end;) {
    size_t count = 0;
    for (; count < chunk && pixel < end; ++count) {
      SK_NAME(tile) *tile = tiles + count;
      tile->rows = scratch + count * taps * SK_MAX_ROWS;
      tile->pixel = pixel;
      const uint32_t pixels = end - pixel < SK_ROWS ? (uint32_t)(end - pixel) : SK_ROWS;
      if (pointwise) {
        SK_NAME(gather_pointwise)(&source, pixels, tile);
      } else {
        SK_NAME(gather)(w, &source, &at, pixels, tile);
      }
      pixel += pixels;
    }
    for (size_t block = first_block; block < end_block;) {
      SK_NAME(float_tile) *const *kernels = SK_NAME(float_tiles_x1);
      size_t width = 1;
#if SK_VECTORS >= 2
      if (end_block - block >= 2) kernels = SK_NAME(float_tiles_x2), width = 2;
#endif
#if SK_VECTORS >= 4
      if (end_block - block >= 4) kernels = SK_NAME(float_tiles_x4), width = 4;
#endif
      for (size_t t = 0; t < count; ++t) kernels[tiles[t].pixels - 1](c, tiles + t, block);
      block += width;
    }
  }
}

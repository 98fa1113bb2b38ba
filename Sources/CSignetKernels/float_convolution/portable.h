// SPDX-License-Identifier: Apache-2.0
//
// Convolution of reals in the tiles of the binary one: activations broadcast, 16 output channels a vector, one
// fused multiply-add for each tap and channel in a fixed order. The order of an output's sum does not depend on
// the tile, so neither does its value.

#define SK_FLOAT_TILE(ROWS, VECTORS)                                                                                 \
  static __attribute__((noinline)) void SK_NAME(float_tile_##ROWS##x##VECTORS)(                                      \
      const sk_float_convolution *c, const void *const *rows, size_t taps, size_t block, size_t pixel) {             \
    const size_t channels = c->channels, stream = taps * channels * SK_LANES;                                        \
    const float *panel = c->panel + block * stream;                                                                  \
    sk_f32 sums[ROWS][VECTORS];                                                                                      \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
      const sk_f32 bias = SK_LOAD_F32(c->bias + (block + v) * SK_LANES);                                             \
      SK_UNROLL for (int r = 0; r < ROWS; ++r) sums[r][v] = bias;                                                    \
    }                                                                                                                \
    for (size_t tap = 0; tap < taps; ++tap, rows += ROWS, panel += channels * SK_LANES) {                            \
      for (size_t k = 0; k < channels; ++k) {                                                                        \
        sk_f32 weights[VECTORS];                                                                                     \
        SK_UNROLL for (int v = 0; v < VECTORS; ++v) weights[v] = SK_LOAD_F32(panel + v * stream + k * SK_LANES);     \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                   \
          const sk_f32 activation = (sk_f32)((const float *)rows[r])[k];                                             \
          SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[r][v] = SK_FMA(activation, weights[v], sums[r][v]);       \
        }                                                                                                            \
      }                                                                                                              \
    }                                                                                                                \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
      const sk_block *to = c->blocks + block + v;                                                                    \
      SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                     \
        sk_f32 value = sums[r][v];                                                                                   \
        if (c->slope) {                                                                                              \
          value = SK_SELECT(value >= 0, value, SK_LOAD_F32(c->slope + (block + v) * SK_LANES) * value);              \
        }                                                                                                            \
        SK_NAME(store_lanes)(c->output + (pixel + r) * c->output_stride + to->channel, &value, to->count);           \
      }                                                                                                              \
    }                                                                                                                \
  }

#define SK_FLOAT_TILES(VECTORS)                                                                \
  SK_FLOAT_TILE(1, VECTORS)                                                                    \
  SK_FLOAT_TILE(2, VECTORS)                                                                    \
  SK_FLOAT_TILE(3, VECTORS)                                                                    \
  SK_FLOAT_TILE(4, VECTORS)                                                                    \
  SK_FLOAT_TILE(5, VECTORS)                                                                    \
  SK_FLOAT_TILE(6, VECTORS)                                                                    \
  static SK_NAME(float_tile) *const SK_NAME(float_tiles_x##VECTORS)[] = {                      \
      SK_NAME(float_tile_1x##VECTORS), SK_NAME(float_tile_2x##VECTORS),                        \
      SK_NAME(float_tile_3x##VECTORS), SK_NAME(float_tile_4x##VECTORS),                        \
      SK_NAME(float_tile_5x##VECTORS), SK_NAME(float_tile_6x##VECTORS)};

typedef void SK_NAME(float_tile)(const sk_float_convolution *, const void *const *, size_t, size_t, size_t);
SK_FLOAT_TILES(1)
#if SK_VECTORS >= 2
SK_FLOAT_TILES(2)
#endif
#if SK_VECTORS >= 4
SK_FLOAT_TILES(4)
#endif

static void SK_NAME(float_convolution)(const sk_float_convolution *c, size_t begin, size_t end, const void **scratch) {
  const sk_window w = c->window;
  const size_t taps = (size_t)w.kernel_height * (size_t)w.kernel_width;
  const size_t plane_pixels = (size_t)w.out_height * (size_t)w.out_width;
  const size_t image_floats = (size_t)w.in_height * (size_t)w.in_width * c->pixel_stride;
  for (size_t first = begin; first < end; first += SK_ROWS) {
    const size_t rows = end - first < SK_ROWS ? end - first : SK_ROWS;
    for (size_t p = 0; p < rows; ++p) {
      const size_t image = (first + p) / plane_pixels, inside = (first + p) % plane_pixels;
      const int32_t y = (int32_t)(inside / (size_t)w.out_width), x = (int32_t)(inside % (size_t)w.out_width);
      const float *picture = c->input + image * image_floats;
      const void **slot = scratch + p;
      for (int32_t ky = 0; ky < w.kernel_height; ++ky) {
        const int32_t in_y = y * w.stride_height - w.pad_top + ky;
        for (int32_t kx = 0; kx < w.kernel_width; ++kx, slot += rows) {
          const int32_t in_x = x * w.stride_width - w.pad_left + kx;
          *slot = in_y >= 0 && in_y < w.in_height && in_x >= 0 && in_x < w.in_width
                      ? picture + ((size_t)in_y * (size_t)w.in_width + (size_t)in_x) * c->pixel_stride
                      : c->zeros;
        }
      }
    }
    size_t block = 0;
#if SK_VECTORS >= 4
    for (; block + 4 <= c->block_count; block += 4) SK_NAME(float_tiles_x4)[rows - 1](c, scratch, taps, block, first);
#endif
#if SK_VECTORS >= 2
    for (; block + 2 <= c->block_count; block += 2) SK_NAME(float_tiles_x2)[rows - 1](c, scratch, taps, block, first);
#endif
    for (; block < c->block_count; ++block) SK_NAME(float_tiles_x1)[rows - 1](c, scratch, taps, block, first);
  }
}

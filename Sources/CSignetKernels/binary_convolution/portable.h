// SPDX-License-Identifier: Apache-2.0
//
// Binary convolution as an implicit GEMM on packed words.
//
// A tile is SK_ROWS rows (a row is one plane of one output pixel) by SK_VECTORS vectors of 16 output channels.
// For each tap and word, a row's activation word is broadcast and meets a vector of weight words: xor, popcount,
// add. There are no horizontal sums, and the planes of a pixel share one pass over the weights. A lane counts at
// most K bits, so 32-bit sums can't overflow.
//
// The including file defines SK_NAME, SK_ROWS, SK_VECTORS and SK_POPCOUNT.

// 16 lanes, or the first `count` of them.
SK_INLINE void SK_NAME(store_lanes)(void *to, const void *from, uint32_t count) {
  if (count == SK_LANES) {
    memcpy(to, from, SK_LANES * 4);
  } else {
    memcpy(to, from, count * 4);
  }
}

// Levels reached by 16 accumulators, as one mask each, or their code.
SK_INLINE void SK_NAME(write_levels)(const sk_output *out, sk_i32 acc, const sk_block *block, size_t lane, size_t lanes,
                                     size_t pixel) {
  uint16_t reached[1 << SK_MAX_PLANES];
  const uint32_t levels = (1u << out->planes) - 1;
  const uint16_t used = (uint16_t)((1u << block->count) - 1);
  for (uint32_t j = 0; j < levels; ++j) {
    const sk_u32 low = (sk_u32)SK_LOAD_I32(out->low + j * lanes + lane);
    const sk_u32 width = SK_LOAD_U32(out->width + j * lanes + lane);
    reached[j] = SK_BITS((sk_u32)acc - low < width) & used;
  }
  uint16_t *halves = (uint16_t *)out->data + pixel * out->pixel_stride + block->position;
  if (out->kind == SK_OUTPUT_LEVELS) {
    for (uint32_t j = 0; j < levels; ++j) halves[j * out->plane_stride] = reached[j];
    return;
  }
  for (uint32_t m = 0; m < out->planes; ++m) {
    const uint32_t step = 1u << (out->planes - 1 - m);
    uint16_t parity = 0;
    for (uint32_t j = step; j <= levels; j += step) parity ^= reached[j - 1];
    halves[m * out->plane_stride] = parity;
  }
}

// The end of a tile: popcounts [rows][vectors] become accumulators, and those what the next layer reads.
static void SK_NAME(finish_tile)(const sk_binary_convolution *c, const sk_u32 *counts, size_t rows, size_t vectors,
                                 size_t first_block, const uint16_t *classes, size_t pixel) {
  const size_t lanes = (size_t)c->block_count * SK_LANES;
  const sk_output *out = &c->output;
  for (size_t p = 0; p * c->planes < rows; ++p, ++pixel) {
    const int32_t *base = c->base + classes[p] * lanes;
    for (size_t v = 0; v < vectors; ++v) {
      const sk_block *block = c->blocks + first_block + v;
      const size_t lane = (first_block + v) * SK_LANES;
      sk_i32 acc = SK_LOAD_I32(base + lane);
      if (c->planes == 1) {
        acc -= 2 * (sk_i32)counts[p * vectors + v];
      } else {
        for (uint32_t m = 0; m < c->planes; ++m) {
          acc -= 2 * c->plane_weights[m] * (sk_i32)counts[(p * c->planes + m) * vectors + v];
        }
      }
      const size_t at = pixel * out->pixel_stride + block->channel;
      if (out->kind == SK_OUTPUT_ACCUMULATORS) {
        SK_NAME(store_lanes)((int32_t *)out->data + at, &acc, block->count);
      } else if (out->kind == SK_OUTPUT_REALS) {
        const sk_f32 reals = __builtin_convertvector(acc, sk_f32) * out->unit;
        SK_NAME(store_lanes)((float *)out->data + at, &reals, block->count);
      } else {
        SK_NAME(write_levels)(out, acc, block, lane, lanes, pixel);
      }
    }
  }
}

// One tile: pointers to activations [tap][ROWS]; blocks [block, block + VECTORS).
#define SK_BINARY_TILE(ROWS, VECTORS)                                                                                \
  static __attribute__((noinline)) void SK_NAME(binary_tile_##ROWS##x##VECTORS)(                                     \
      const sk_binary_convolution *c, const void *const *rows, size_t taps, size_t block, const uint16_t *classes,   \
      size_t pixel) {                                                                                                \
    const size_t words = c->words, stream = taps * words * SK_LANES;                                                 \
    const uint32_t *panel = c->panel + block * stream;                                                               \
    sk_u32 sums[ROWS][VECTORS] = {};                                                                                 \
    for (size_t tap = 0; tap < taps; ++tap, rows += ROWS, panel += words * SK_LANES) {                               \
      for (size_t word = 0; word < words; ++word) {                                                                  \
        sk_u32 weights[VECTORS];                                                                                     \
        SK_UNROLL for (int v = 0; v < VECTORS; ++v) weights[v] = SK_LOAD_U32(panel + v * stream + word * SK_LANES);  \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                   \
          const sk_u32 activation = (sk_u32)((const uint32_t *)rows[r])[word];                                       \
          SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[r][v] += SK_POPCOUNT(activation ^ weights[v]);            \
        }                                                                                                            \
      }                                                                                                              \
    }                                                                                                                \
    sk_u32 counts[ROWS * VECTORS];                                                                                   \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                       \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) counts[r * VECTORS + v] = sums[r][v];                              \
    }                                                                                                                \
    SK_NAME(finish_tile)(c, counts, ROWS, VECTORS, block, classes, pixel);                                           \
  }

#define SK_BINARY_TILES(VECTORS)                                                                   \
  SK_BINARY_TILE(1, VECTORS)                                                                       \
  SK_BINARY_TILE(2, VECTORS)                                                                       \
  SK_BINARY_TILE(3, VECTORS)                                                                       \
  SK_BINARY_TILE(4, VECTORS)                                                                       \
  SK_BINARY_TILE(5, VECTORS)                                                                       \
  SK_BINARY_TILE(6, VECTORS)                                                                       \
  static SK_NAME(binary_tile) *const SK_NAME(binary_tiles_x##VECTORS)[] = {                        \
      SK_NAME(binary_tile_1x##VECTORS), SK_NAME(binary_tile_2x##VECTORS),                          \
      SK_NAME(binary_tile_3x##VECTORS), SK_NAME(binary_tile_4x##VECTORS),                          \
      SK_NAME(binary_tile_5x##VECTORS), SK_NAME(binary_tile_6x##VECTORS)};

typedef void SK_NAME(binary_tile)(const sk_binary_convolution *, const void *const *, size_t, size_t, const uint16_t *,
                                  size_t);
SK_BINARY_TILES(1)
#if SK_VECTORS >= 2
SK_BINARY_TILES(2)
#endif
#if SK_VECTORS >= 4
SK_BINARY_TILES(4)
#endif

static void SK_NAME(binary_convolution)(const sk_binary_convolution *c, size_t begin, size_t end, const void **scratch) {
  const sk_window w = c->window;
  const size_t taps = (size_t)w.kernel_height * (size_t)w.kernel_width;
  const size_t plane_pixels = (size_t)w.out_height * (size_t)w.out_width;
  const size_t image_words = (size_t)w.in_height * (size_t)w.in_width * c->pixel_words;
  const size_t tile_pixels = SK_ROWS / c->planes;
  for (size_t first = begin; first < end; first += tile_pixels) {
    const size_t pixels = end - first < tile_pixels ? end - first : tile_pixels;
    const size_t rows = pixels * c->planes;
    uint16_t classes[SK_ROWS];
    for (size_t p = 0; p < pixels; ++p) {
      const size_t image = (first + p) / plane_pixels, inside = (first + p) % plane_pixels;
      const int32_t y = (int32_t)(inside / (size_t)w.out_width), x = (int32_t)(inside % (size_t)w.out_width);
      classes[p] = (uint16_t)(c->row_class[y] * c->column_classes + c->column_class[x]);
      const uint32_t *picture = c->input + image * image_words;
      const void **slot = scratch + p * c->planes;
      for (int32_t ky = 0; ky < w.kernel_height; ++ky) {
        const int32_t in_y = y * w.stride_height - w.pad_top + ky;
        for (int32_t kx = 0; kx < w.kernel_width; ++kx, slot += rows) {
          const int32_t in_x = x * w.stride_width - w.pad_left + kx;
          const int inside_image = in_y >= 0 && in_y < w.in_height && in_x >= 0 && in_x < w.in_width;
          const uint32_t *at =
              inside_image ? picture + ((size_t)in_y * (size_t)w.in_width + (size_t)in_x) * c->pixel_words : c->zeros;
          for (uint32_t m = 0; m < c->planes; ++m) slot[m] = at + (inside_image ? m * c->plane_words : 0);
        }
      }
    }
    size_t block = 0;
#if SK_VECTORS >= 4
    for (; block + 4 <= c->block_count; block += 4)
      SK_NAME(binary_tiles_x4)[rows - 1](c, scratch, taps, block, classes, first);
#endif
#if SK_VECTORS >= 2
    for (; block + 2 <= c->block_count; block += 2)
      SK_NAME(binary_tiles_x2)[rows - 1](c, scratch, taps, block, classes, first);
#endif
    for (; block < c->block_count; ++block)
      SK_NAME(binary_tiles_x1)[rows - 1](c, scratch, taps, block, classes, first);
  }
}

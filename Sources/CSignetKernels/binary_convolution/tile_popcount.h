// SPDX-License-Identifier: Apache-2.0
//
// The binary tile of an ISA that counts the bits of 32-bit lanes: a row's activation word is broadcast and meets a
// vector of 16 channels' weight words; xor, popcount, add. There are no horizontal sums.
//
// Where one plane goes in and one comes out, the sums start at the level's lower end, so that the bit is a single
// comparison on registers.

#define SK_BINARY_SUMS(ROWS, VECTORS, SUMS)                                                                            \
  const size_t words = tile->elements, stream = c->stream;                                                             \
  const uint32_t *panel = c->panel + block * stream;                                                                   \
  const void *const *rows = tile->rows;                                                                                \
  for (size_t run = 0; run < tile->runs; ++run, rows += ROWS, panel += words * SK_LANES) {                             \
    for (size_t word = 0; word < words; ++word) {                                                                      \
      sk_u32 weights[VECTORS];                                                                                         \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) weights[v] = SK_LOAD_U32(panel + v * stream + word * SK_LANES);      \
      SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                       \
        const sk_u32 activation = (sk_u32)((const uint32_t *)rows[r])[word];                                           \
        SK_UNROLL for (int v = 0; v < VECTORS; ++v) SUMS[r][v] += SK_POPCOUNT(activation ^ weights[v]);                \
      }                                                                                                                \
    }                                                                                                                  \
  }

#define SK_BINARY_TILE(ROWS, VECTORS)                                                                                  \
  static __attribute__((noinline)) void SK_NAME(binary_tile_##ROWS##x##VECTORS)(                                       \
      const sk_binary_convolution *c, const SK_NAME(tile) *tile, size_t block) {                                       \
    sk_u32 sums[ROWS][VECTORS] = {};                                                                                   \
    SK_BINARY_SUMS(ROWS, VECTORS, sums)                                                                                \
    uint32_t counts[ROWS * VECTORS * SK_LANES];                                                                        \
    memcpy(counts, sums, sizeof counts);                                                                               \
    SK_NAME(finish_tile)(c, counts, VECTORS * SK_LANES, tile, block, VECTORS);                                         \
  }                                                                                                                    \
  static __attribute__((noinline)) void SK_NAME(bits_tile_##ROWS##x##VECTORS)(                                         \
      const sk_binary_convolution *c, const SK_NAME(tile) *tile, size_t block) {                                       \
    const sk_output *out = &c->output;                                                                                 \
    const size_t lanes = (size_t)c->block_count * SK_LANES;                                                            \
    sk_u32 sums[ROWS][VECTORS];                                                                                        \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                         \
      const uint32_t *start = out->start + tile->classes[r] * lanes + block * SK_LANES;                                \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) sums[r][v] = SK_LOAD_U32(start + v * SK_LANES);                      \
    }                                                                                                                  \
    SK_BINARY_SUMS(ROWS, VECTORS, sums)                                                                                \
    uint16_t *halves[VECTORS];                                                                                         \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      halves[v] = (uint16_t *)out->data + tile->pixel * out->pixel_stride + c->blocks[block + v].position;             \
    }                                                                                                                  \
    const size_t stride = out->pixel_stride;                                                                           \
    const uint32_t *widths[ROWS];                                                                                      \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) widths[r] = out->width + tile->classes[r] * lanes + block * SK_LANES;     \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                         \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
        halves[v][r * stride] = SK_BITS(sums[r][v] < SK_LOAD_U32(widths[r] + v * SK_LANES));                           \
      }                                                                                                                \
    }                                                                                                                  \
  }

// The sums of one plane as reals or 16-bit accumulators: the last layer, and training.
#define SK_REALS_TILE(ROWS, VECTORS)                                                                                   \
  static __attribute__((noinline)) void SK_NAME(reals_tile_##ROWS##x##VECTORS)(                                        \
      const sk_binary_convolution *c, const SK_NAME(tile) *tile, size_t block) {                                       \
    sk_u32 sums[ROWS][VECTORS] = {};                                                                                   \
    SK_BINARY_SUMS(ROWS, VECTORS, sums)                                                                                \
    const sk_output *out = &c->output;                                                                                 \
    const size_t lanes = (size_t)c->block_count * SK_LANES;                                                            \
    const sk_f32 unit = out->unit;                                                                                     \
    const sk_block *to = c->blocks + block;                                                                            \
    const uint32_t last = to[VECTORS - 1].count;                                                                       \
    const size_t first = tile->pixel * out->pixel_stride + to->channel;                                                \
    const size_t stride = out->pixel_stride;                                                                           \
    const int32_t *bases[ROWS];                                                                                        \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) bases[r] = c->base + tile->classes[r] * lanes + block * SK_LANES;         \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                         \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
        const sk_i32 acc = SK_LOAD_I32(bases[r] + v * SK_LANES) - 2 * (sk_i32)sums[r][v];                              \
        const size_t at = first + r * stride + v * SK_LANES;                                                           \
        const uint32_t count = v < VECTORS - 1 ? SK_LANES : last;                                                      \
        if (out->kind == SK_OUTPUT_SHORTS) {                                                                           \
          SK_NAME(store_shorts)((int16_t *)out->data + at, __builtin_convertvector(acc, sk_i16), count);               \
          continue;                                                                                                    \
        }                                                                                                              \
        const sk_f32 value = __builtin_convertvector(acc, sk_f32) * unit;                                              \
        SK_NAME(store_lanes)((float *)out->data + at, &value, count);                                                  \
      }                                                                                                                \
    }                                                                                                                  \
  }

// Two planes in, two out: the rows of a pixel are neighbours.
#define SK_PAIR_TILE(PIXELS, VECTORS)                                                                                  \
  static __attribute__((noinline)) void SK_NAME(pair_tile_##PIXELS##x##VECTORS)(                                       \
      const sk_binary_convolution *c, const SK_NAME(tile) *tile, size_t block) {                                       \
    sk_u32 sums[2 * PIXELS][VECTORS] = {};                                                                             \
    SK_BINARY_SUMS((2 * PIXELS), VECTORS, sums)                                                                        \
    const sk_output out = c->output;                                                                                   \
    const size_t lanes = (size_t)c->block_count * SK_LANES;                                                            \
    const sk_u32 first = (uint32_t)c->plane_weights[0], second = (uint32_t)c->plane_weights[1];                        \
    uint16_t *halves[VECTORS];                                                                                         \
    SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                      \
      halves[v] = (uint16_t *)out.data + tile->pixel * out.pixel_stride + c->blocks[block + v].position;               \
    }                                                                                                                  \
    size_t tables[PIXELS];                                                                                             \
    SK_UNROLL for (int p = 0; p < PIXELS; ++p) tables[p] = tile->classes[p] * lanes * 3 + block * SK_LANES;            \
    SK_UNROLL for (int p = 0; p < PIXELS; ++p) {                                                                       \
      SK_UNROLL for (int v = 0; v < VECTORS; ++v) {                                                                    \
        const sk_u32 sum = sums[2 * p][v] * first + sums[2 * p + 1][v] * second;                                       \
        const size_t at = tables[p] + v * SK_LANES;                                                                    \
        SK_NAME(write_levels)(&out, sum, out.start + at, out.width + at, lanes, 2, halves[v] + p * out.pixel_stride);  \
      }                                                                                                                \
    }                                                                                                                  \
  }

#define SK_BINARY_TILES(VECTORS)                                                                                       \
  SK_BINARY_TILE(1, VECTORS) SK_REALS_TILE(1, VECTORS)                                                                 \
  SK_BINARY_TILE(2, VECTORS) SK_REALS_TILE(2, VECTORS)                                                                 \
  SK_BINARY_TILE(3, VECTORS) SK_REALS_TILE(3, VECTORS)                                                                 \
  SK_BINARY_TILE(4, VECTORS) SK_REALS_TILE(4, VECTORS)                                                                 \
  SK_BINARY_TILE(5, VECTORS) SK_REALS_TILE(5, VECTORS)                                                                 \
  SK_BINARY_TILE(6, VECTORS) SK_REALS_TILE(6, VECTORS)                                                                 \
  SK_PAIR_TILE(1, VECTORS)                                                                                             \
  SK_PAIR_TILE(2, VECTORS)                                                                                             \
  SK_PAIR_TILE(3, VECTORS)                                                                                             \
  static SK_NAME(binary_tile) *const SK_NAME(binary_tiles_x##VECTORS)[4][6] = {                                        \
      {SK_NAME(binary_tile_1x##VECTORS), SK_NAME(binary_tile_2x##VECTORS), SK_NAME(binary_tile_3x##VECTORS),           \
       SK_NAME(binary_tile_4x##VECTORS), SK_NAME(binary_tile_5x##VECTORS), SK_NAME(binary_tile_6x##VECTORS)},          \
      {SK_NAME(bits_tile_1x##VECTORS), SK_NAME(bits_tile_2x##VECTORS), SK_NAME(bits_tile_3x##VECTORS),                 \
       SK_NAME(bits_tile_4x##VECTORS), SK_NAME(bits_tile_5x##VECTORS), SK_NAME(bits_tile_6x##VECTORS)},                \
      {SK_NAME(reals_tile_1x##VECTORS), SK_NAME(reals_tile_2x##VECTORS), SK_NAME(reals_tile_3x##VECTORS),              \
       SK_NAME(reals_tile_4x##VECTORS), SK_NAME(reals_tile_5x##VECTORS), SK_NAME(reals_tile_6x##VECTORS)},             \
      {0, SK_NAME(pair_tile_1x##VECTORS), 0, SK_NAME(pair_tile_2x##VECTORS), 0, SK_NAME(pair_tile_3x##VECTORS)}};

typedef void SK_NAME(binary_tile)(const sk_binary_convolution *, const SK_NAME(tile) *, size_t);
SK_BINARY_TILES(1)
#if SK_VECTORS >= 2
SK_BINARY_TILES(2)
#endif
#if SK_VECTORS >= 4
SK_BINARY_TILES(4)
#endif

// A group of blocks for some tiles: the widest tiles first.
SK_INLINE size_t SK_NAME(binary_group)(const sk_binary_convolution *c, const SK_NAME(tile) *tiles, size_t count,
                                       size_t block, size_t blocks) {
  const sk_output_kind kind = c->output.kind;
  const int bits = kind == SK_OUTPUT_CODES || kind == SK_OUTPUT_LEVELS;
  int ending = 0;
  if (c->planes == 1 && (kind == SK_OUTPUT_REALS || kind == SK_OUTPUT_SHORTS)) ending = 2;
  if (c->planes == 1 && c->output.planes == 1 && bits) ending = 1;
  if (c->planes == 2 && c->output.planes == 2 && bits) ending = 3;
  SK_NAME(binary_tile) *const *kernels = SK_NAME(binary_tiles_x1)[ending];
  size_t width = 1;
  (void)blocks;
#if SK_VECTORS >= 2
  if (blocks >= 2) kernels = SK_NAME(binary_tiles_x2)[ending], width = 2;
#endif
#if SK_VECTORS >= 4
  if (blocks >= 4) kernels = SK_NAME(binary_tiles_x4)[ending], width = 4;
#endif
  for (size_t t = 0; t < count; ++t) kernels[tiles[t].pixels * c->planes - 1](c, tiles + t, block);
  return width;
}

#if SK_VECTORS >= 4
#include "resident.h"
#endif

static void SK_NAME(arrange_panel)(const uint32_t *words, uint32_t *panel, size_t blocks, size_t depth) {
  memcpy(panel, words, blocks * depth * SK_LANES * sizeof(uint32_t));
}

static double SK_NAME(peak_binary)(size_t rounds) {
  sk_u32 sums[SK_ROWS][SK_VECTORS] = {}, weights[SK_VECTORS], activation = 0x9E3779B9u;
  for (int v = 0; v < SK_VECTORS; ++v) weights[v] = (sk_u32)(0x85EBCA6Bu + (uint32_t)v);
  for (size_t round = 0; round < rounds; ++round) {
    SK_UNROLL for (int r = 0; r < SK_ROWS; ++r) {
      __asm__ volatile("" : SK_REGISTER(activation));
      SK_UNROLL for (int v = 0; v < SK_VECTORS; ++v) sums[r][v] += SK_POPCOUNT(activation ^ weights[v]);
    }
  }
  for (int r = 0; r < SK_ROWS; ++r) {
    for (int v = 0; v < SK_VECTORS; ++v) __asm__ volatile("" : SK_REGISTER(sums[r][v]));
  }
  return (double)rounds * SK_ROWS * SK_VECTORS * SK_LANES * 32;
}

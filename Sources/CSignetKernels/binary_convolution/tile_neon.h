// SPDX-License-Identifier: Apache-2.0
//
// The binary tile of NEON: 16 channels are four q registers. A row's activation word is repeated over the lanes; eor,
// cnt, and an addition of bytes: 3 instructions for 4 channels x 32 bits. A byte grows by at most 8 a word, so the
// widening pairwise sums (uaddlp, uadalp) come once in 31 words. 4 rows are 16 sums, 4 weights and the temporaries:
// under 32 registers.

#include <arm_neon.h>

// A byte of a sum grows by at most 8 for each word.
#define SK_BYTE_WORDS 31

#define SK_NEON_WIDEN(ROWS)                                                                                            \
  SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                           \
    SK_UNROLL for (int q = 0; q < 4; ++q) {                                                                            \
      uint32_t *to = counts + r * SK_LANES + 4 * q;                                                                    \
      vst1q_u32(to, vpadalq_u16(vld1q_u32(to), vpaddlq_u8(sums[r][q])));                                               \
      sums[r][q] = vdupq_n_u8(0);                                                                                      \
    }                                                                                                                  \
  }

// Which of 16 counts are below their widths, lane 0 lowest.
SK_INLINE uint16_t SK_NAME(below)(const uint32_t *counts, const uint32_t *width) {
  static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint16x8_t masks[4];
  SK_UNROLL for (int q = 0; q < 4; ++q) {
    masks[q] = vreinterpretq_u16_u32(vcltq_u32(vld1q_u32(counts + 4 * q), vld1q_u32(width + 4 * q)));
  }
  const uint8x16_t first = vreinterpretq_u8_u16(vuzp1q_u16(masks[0], masks[1]));
  const uint8x16_t second = vreinterpretq_u8_u16(vuzp1q_u16(masks[2], masks[3]));
  const uint8x16_t chosen = vandq_u8(vuzp1q_u8(first, second), vld1q_u8(bits));
  return (uint16_t)(vaddv_u8(vget_low_u8(chosen)) | vaddv_u8(vget_high_u8(chosen)) << 8);
}

// Adds the tile's popcounts to `counts`.
#define SK_NEON_SUMS(ROWS)                                                                                             \
  const size_t words = tile->elements;                                                                                 \
  const uint32_t *panel = c->panel + block * c->stream;                                                                \
  const void *const *rows = tile->rows;                                                                                \
  uint8x16_t sums[ROWS][4];                                                                                            \
  SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                           \
    SK_UNROLL for (int q = 0; q < 4; ++q) sums[r][q] = vdupq_n_u8(0);                                                  \
  }                                                                                                                    \
  size_t room = SK_BYTE_WORDS;                                                                                         \
  for (size_t run = 0; run < tile->runs; ++run, rows += ROWS) {                                                        \
    for (size_t word = 0; word < words;) {                                                                             \
      const size_t end = words - word < room ? words : word + room;                                                    \
      room -= end - word;                                                                                              \
      for (; word < end; ++word, panel += SK_LANES) {                                                                  \
        uint32x4_t weights[4];                                                                                         \
        SK_UNROLL for (int q = 0; q < 4; ++q) weights[q] = vld1q_u32(panel + 4 * q);                                   \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                     \
          const uint32x4_t activation = vld1q_dup_u32((const uint32_t *)rows[r] + word);                               \
          SK_UNROLL for (int q = 0; q < 4; ++q) {                                                                      \
            const uint8x16_t differing = vreinterpretq_u8_u32(veorq_u32(activation, weights[q]));                      \
            sums[r][q] = vaddq_u8(sums[r][q], vcntq_u8(differing));                                                    \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
      if (room == 0) {                                                                                                 \
        SK_NEON_WIDEN(ROWS)                                                                                            \
        room = SK_BYTE_WORDS;                                                                                          \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  SK_NEON_WIDEN(ROWS)

// One plane to one: the counts start at the level's lower end.
#define SK_NEON_TILE(ROWS)                                                                                             \
  static __attribute__((noinline)) void SK_NAME(binary_tile_##ROWS)(const sk_binary_convolution *c,                    \
                                                                    const SK_NAME(tile) *tile, size_t block) {         \
    uint32_t counts[ROWS * SK_LANES] = {0};                                                                            \
    SK_NEON_SUMS(ROWS)                                                                                                 \
    SK_NAME(finish_tile)(c, counts, SK_LANES, tile, block, 1);                                                         \
  }                                                                                                                    \
  static __attribute__((noinline)) void SK_NAME(bits_tile_##ROWS)(const sk_binary_convolution *c,                      \
                                                                  const SK_NAME(tile) *tile, size_t block) {           \
    const sk_output *out = &c->output;                                                                                 \
    const size_t lanes = (size_t)c->block_count * SK_LANES, stride = out->pixel_stride;                                \
    uint32_t counts[ROWS * SK_LANES];                                                                                  \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                         \
      const uint32_t *start = out->start + tile->classes[r] * lanes + block * SK_LANES;                                \
      memcpy(counts + r * SK_LANES, start, SK_LANES * sizeof(uint32_t));                                               \
    }                                                                                                                  \
    SK_NEON_SUMS(ROWS)                                                                                                 \
    uint16_t *halves = (uint16_t *)out->data + tile->pixel * stride + c->blocks[block].position;                       \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                         \
      const uint32_t *width = out->width + tile->classes[r] * lanes + block * SK_LANES;                                \
      halves[r * stride] = SK_NAME(below)(counts + r * SK_LANES, width);                                               \
    }                                                                                                                  \
  }

SK_NEON_TILE(1)
SK_NEON_TILE(2)
SK_NEON_TILE(3)
SK_NEON_TILE(4)

typedef void SK_NAME(binary_tile)(const sk_binary_convolution *, const SK_NAME(tile) *, size_t);
static SK_NAME(binary_tile) *const SK_NAME(binary_tiles)[2][4] = {
    {SK_NAME(binary_tile_1), SK_NAME(binary_tile_2), SK_NAME(binary_tile_3), SK_NAME(binary_tile_4)},
    {SK_NAME(bits_tile_1), SK_NAME(bits_tile_2), SK_NAME(bits_tile_3), SK_NAME(bits_tile_4)}};

SK_INLINE size_t SK_NAME(binary_group)(const sk_binary_convolution *c, const SK_NAME(tile) *tiles, size_t count,
                                       size_t block, size_t blocks) {
  (void)blocks;
  const sk_output_kind kind = c->output.kind;
  const int bits =
      c->planes == 1 && (kind == SK_OUTPUT_CODES || kind == SK_OUTPUT_LEVELS) && c->output.planes == 1;
  for (size_t t = 0; t < count; ++t) SK_NAME(binary_tiles)[bits][tiles[t].pixels * c->planes - 1](c, tiles + t, block);
  return 1;
}

static void SK_NAME(arrange_panel)(const uint32_t *words, uint32_t *panel, size_t blocks, size_t depth) {
  memcpy(panel, words, blocks * depth * SK_LANES * sizeof(uint32_t));
}

static double SK_NAME(peak_binary)(size_t rounds) {
  uint8x16_t sums[SK_ROWS][4] = {}, weights[4], activation = vdupq_n_u8(0x5A);
  for (int q = 0; q < 4; ++q) weights[q] = vdupq_n_u8((uint8_t)(0x85 + q));
  for (size_t round = 0; round < rounds; ++round) {
    SK_UNROLL for (int r = 0; r < SK_ROWS; ++r) {
      __asm__ volatile("" : "+w"(activation));
      SK_UNROLL for (int q = 0; q < 4; ++q) {
        sums[r][q] = vaddq_u8(sums[r][q], vcntq_u8(veorq_u8(activation, weights[q])));
      }
    }
  }
  for (int r = 0; r < SK_ROWS; ++r) {
    for (int q = 0; q < 4; ++q) __asm__ volatile("" : "+w"(sums[r][q]));
  }
  return (double)rounds * SK_ROWS * 4 * 128;
}

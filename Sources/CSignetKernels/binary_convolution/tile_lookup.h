// SPDX-License-Identifier: Apache-2.0
//
// The binary tile of AVX2, which has no popcount of lanes: 4 bits of an activation select a table of 16 bytes, the
// number of bits in which each possible half byte of weights differs, and vpshufb looks up 32 channels at once.
// The table takes the place of the xor, and splitting a byte of weights is shared by the rows of the tile: 4 shuffles
// and additions for 8 bits of 32 channels, where xor and a popcount of bytes would take 8 operations.
//
// The panel is [pair of blocks][tap and word][byte of the word][32 channels].

#include <immintrin.h>

#define SK_DIFFERING(a, w) \
  ((uint8_t)((((a) ^ (w)) & 1) + (((a) ^ (w)) >> 1 & 1) + (((a) ^ (w)) >> 2 & 1) + (((a) ^ (w)) >> 3 & 1)))
#define SK_DIFFERING_4(a, w) \
  SK_DIFFERING(a, w), SK_DIFFERING(a, (w) + 1), SK_DIFFERING(a, (w) + 2), SK_DIFFERING(a, (w) + 3)
#define SK_DIFFERING_16(a) SK_DIFFERING_4(a, 0), SK_DIFFERING_4(a, 4), SK_DIFFERING_4(a, 8), SK_DIFFERING_4(a, 12)
#define SK_TABLES_1(byte) {SK_DIFFERING_16((byte) & 15), SK_DIFFERING_16((byte) >> 4)}
#define SK_TABLES_4(byte) SK_TABLES_1(byte), SK_TABLES_1((byte) + 1), SK_TABLES_1((byte) + 2), SK_TABLES_1((byte) + 3)
#define SK_TABLES_16(byte) SK_TABLES_4(byte), SK_TABLES_4((byte) + 4), SK_TABLES_4((byte) + 8), SK_TABLES_4((byte) + 12)
#define SK_TABLES_64(byte) \
  SK_TABLES_16(byte), SK_TABLES_16((byte) + 16), SK_TABLES_16((byte) + 32), SK_TABLES_16((byte) + 48)

// For each byte of activations, the tables of its low and its high half.
static const uint8_t SK_NAME(tables)[256][32] __attribute__((aligned(64))) = {SK_TABLES_64(0), SK_TABLES_64(64),
                                                                              SK_TABLES_64(128), SK_TABLES_64(192)};

// A byte of a sum grows by at most 8 for each byte of depth, so 28 of them (7 words) fit; 16 bits hold 2047 words.
#define SK_BYTE_WORDS 7
#define SK_SHORT_FLUSHES 292

// Sums of 32 channels in 16 bits: channels 0-7 and 16-23, then 8-15 and 24-31, as unpacking leaves them.
SK_INLINE void SK_NAME(add_bytes)(__m256i *shorts, __m256i bytes) {
  const __m256i zero = _mm256_setzero_si256();
  shorts[0] = _mm256_add_epi16(shorts[0], _mm256_unpacklo_epi8(bytes, zero));
  shorts[1] = _mm256_add_epi16(shorts[1], _mm256_unpackhi_epi8(bytes, zero));
}

// Adds vectors of 32 sums in 16 bits to counts in channel order, or begins them.
static __attribute__((noinline)) void SK_NAME(add_shorts)(uint32_t *counts, const __m256i *shorts, size_t vectors,
                                                          int begun) {
  for (size_t i = 0; i < vectors; ++i, counts += 32, shorts += 2) {
    __m256i *to = (__m256i *)counts;
    SK_UNROLL for (int quarter = 0; quarter < 4; ++quarter) {
      __m256i sum = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)&shorts[quarter % 2] + quarter / 2));
      if (begun) sum = _mm256_add_epi32(sum, _mm256_loadu_si256(to + quarter));
      _mm256_storeu_si256(to + quarter, sum);
    }
  }
}

// Sums of bytes, and of 16 bits where there are more than SK_BYTE_WORDS words; OVERFLOW runs before those are full.
#define SK_LOOKUP_SUMS(ROWS, PAIRS, OVERFLOW)                                                                          \
  const size_t words = tile->elements, stream = 8 * c->stream;                                                         \
  const __m256i low_half = _mm256_set1_epi8(15);                                                                       \
  const uint8_t *panel = (const uint8_t *)(c->panel + block * c->stream);                                              \
  const void *const *rows = tile->rows;                                                                                \
  __m256i shorts[ROWS * PAIRS * 2], sums[ROWS][PAIRS] = {};                                                            \
  const int wide = tile->runs * words > SK_BYTE_WORDS;                                                                 \
  if (wide) memset(shorts, 0, sizeof shorts);                                                                          \
  size_t room = SK_BYTE_WORDS, flushes = SK_SHORT_FLUSHES;                                                             \
  for (size_t run = 0; run < tile->runs; ++run, rows += ROWS) {                                                        \
    for (size_t word = 0; word < words; ++word, panel += 128) {                                                        \
      if (room == 0) {                                                                                                 \
        SK_ADD_BYTES(ROWS, PAIRS)                                                                                      \
        memset(sums, 0, sizeof sums);                                                                                  \
        room = SK_BYTE_WORDS;                                                                                          \
        if (--flushes == 0) {                                                                                          \
          OVERFLOW                                                                                                     \
          flushes = SK_SHORT_FLUSHES;                                                                                  \
        }                                                                                                              \
      }                                                                                                                \
      --room;                                                                                                          \
      _Pragma("clang loop unroll(disable)") for (size_t byte = 0; byte < 4; ++byte) {                                  \
        __m256i low[PAIRS], high[PAIRS];                                                                               \
        SK_UNROLL for (int p = 0; p < PAIRS; ++p) {                                                                    \
          const __m256i weights = _mm256_loadu_si256((const __m256i *)(panel + p * stream + byte * 32));               \
          low[p] = _mm256_and_si256(weights, low_half);                                                                \
          high[p] = _mm256_and_si256(_mm256_srli_epi16(weights, 4), low_half);                                         \
        }                                                                                                              \
        SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                     \
          const uint8_t *tables = SK_NAME(tables)[((const uint8_t *)rows[r])[word * 4 + byte]];                        \
          const __m256i of_low = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)tables));                 \
          const __m256i of_high = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(tables + 16)));         \
          SK_UNROLL for (int p = 0; p < PAIRS; ++p) {                                                                  \
            sums[r][p] = _mm256_add_epi8(sums[r][p], _mm256_shuffle_epi8(of_low, low[p]));                             \
            sums[r][p] = _mm256_add_epi8(sums[r][p], _mm256_shuffle_epi8(of_high, high[p]));                           \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

#define SK_ADD_BYTES(ROWS, PAIRS)                                                                                      \
  SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                           \
    SK_UNROLL for (int p = 0; p < PAIRS; ++p) SK_NAME(add_bytes)(shorts + (r * PAIRS + p) * 2, sums[r][p]);            \
  }

// The bits variant compares the sums where they are, in 16 bits.
#define SK_LOOKUP_TILE(ROWS, PAIRS)                                                                                    \
  static __attribute__((noinline)) void SK_NAME(binary_tile_##ROWS##x##PAIRS)(                                         \
      const sk_binary_convolution *c, const SK_NAME(tile) *tile, size_t block, size_t blocks) {                        \
    uint32_t counts[ROWS * PAIRS * 32];                                                                                \
    int begun = 0;                                                                                                     \
    SK_LOOKUP_SUMS(ROWS, PAIRS, {                                                                                      \
      SK_NAME(add_shorts)(counts, shorts, ROWS * PAIRS, begun);                                                        \
      memset(shorts, 0, sizeof shorts);                                                                                \
      begun = 1;                                                                                                       \
    })                                                                                                                 \
    if (!wide) memset(shorts, 0, sizeof shorts);                                                                       \
    SK_ADD_BYTES(ROWS, PAIRS)                                                                                          \
    SK_NAME(add_shorts)(counts, shorts, ROWS * PAIRS, begun);                                                          \
    SK_NAME(finish_tile)(c, counts, PAIRS * 32, tile, block, blocks);                                                  \
  }                                                                                                                    \
  static __attribute__((noinline)) void SK_NAME(bits_tile_##ROWS##x##PAIRS)(                                           \
      const sk_binary_convolution *c, const SK_NAME(tile) *tile, size_t block, size_t blocks) {                        \
    (void)blocks;                                                                                                      \
    SK_LOOKUP_SUMS(ROWS, PAIRS, {})                                                                                    \
    const sk_output *out = &c->output;                                                                                 \
    const size_t class_shorts = (size_t)c->block_count * 2 * SK_LANES, stride = out->pixel_stride;                     \
    uint16_t *halves = (uint16_t *)out->data + tile->pixel * stride + c->blocks[block].position;                       \
    const __m256i zero = _mm256_setzero_si256();                                                                       \
    SK_UNROLL for (int r = 0; r < ROWS; ++r) {                                                                         \
      const __m256i *table = (const __m256i *)(out->shorts + tile->classes[r] * class_shorts + block * 2 * SK_LANES);  \
      SK_UNROLL for (int p = 0; p < PAIRS; ++p) {                                                                      \
        __m256i a = _mm256_unpacklo_epi8(sums[r][p], zero), b = _mm256_unpackhi_epi8(sums[r][p], zero);                \
        if (wide) {                                                                                                    \
          a = _mm256_add_epi16(a, shorts[(r * PAIRS + p) * 2]);                                                        \
          b = _mm256_add_epi16(b, shorts[(r * PAIRS + p) * 2 + 1]);                                                    \
        }                                                                                                              \
        a = _mm256_add_epi16(a, _mm256_loadu_si256(table + p * 4));                                                    \
        b = _mm256_add_epi16(b, _mm256_loadu_si256(table + p * 4 + 1));                                                \
        const __m256i not_a = _mm256_cmpeq_epi16(_mm256_max_epu16(a, _mm256_loadu_si256(table + p * 4 + 2)), a);       \
        const __m256i not_b = _mm256_cmpeq_epi16(_mm256_max_epu16(b, _mm256_loadu_si256(table + p * 4 + 3)), b);       \
        const uint32_t bits = ~(uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(not_a, not_b));                       \
        memcpy(halves + r * stride + p * 2, &bits, 4);                                                                 \
      }                                                                                                                \
    }                                                                                                                  \
  }

SK_LOOKUP_TILE(1, 1)
SK_LOOKUP_TILE(2, 1)
SK_LOOKUP_TILE(3, 1)
SK_LOOKUP_TILE(4, 1)
SK_LOOKUP_TILE(1, 2)
SK_LOOKUP_TILE(2, 2)
SK_LOOKUP_TILE(3, 2)
SK_LOOKUP_TILE(4, 2)

typedef void SK_NAME(binary_tile)(const sk_binary_convolution *, const SK_NAME(tile) *, size_t, size_t);
static SK_NAME(binary_tile) *const SK_NAME(binary_tiles)[2][2][4] = {
    {{SK_NAME(binary_tile_1x1), SK_NAME(binary_tile_2x1), SK_NAME(binary_tile_3x1), SK_NAME(binary_tile_4x1)},
     {SK_NAME(binary_tile_1x2), SK_NAME(binary_tile_2x2), SK_NAME(binary_tile_3x2), SK_NAME(binary_tile_4x2)}},
    {{SK_NAME(bits_tile_1x1), SK_NAME(bits_tile_2x1), SK_NAME(bits_tile_3x1), SK_NAME(bits_tile_4x1)},
     {SK_NAME(bits_tile_1x2), SK_NAME(bits_tile_2x2), SK_NAME(bits_tile_3x2), SK_NAME(bits_tile_4x2)}}};

// A group of blocks for some tiles; the second block of the last pair may be missing.
SK_INLINE size_t SK_NAME(binary_group)(const sk_binary_convolution *c, const SK_NAME(tile) *tiles, size_t count,
                                       size_t block, size_t blocks) {
  const size_t taken = blocks < 4 ? blocks : 4;
  SK_NAME(binary_tile) *const *kernels = SK_NAME(binary_tiles)[c->output.shorts != 0][taken > 2];
  for (size_t t = 0; t < count; ++t) kernels[tiles[t].pixels * c->planes - 1](c, tiles + t, block, taken);
  return taken;
}

// In the order of add_bytes: starts of channels 0-7 and 16-23, 8-15 and 24-31, then the widths.
static void SK_NAME(arrange_shorts)(const uint32_t *start, const uint32_t *width, uint16_t *shorts, size_t pairs) {
  for (size_t pair = 0; pair < pairs; ++pair, start += 32, width += 32, shorts += 64) {
    for (size_t channel = 0; channel < 32; ++channel) {
      const size_t at = channel / 8 % 2 * 16 + channel / 16 * 8 + channel % 8;
      shorts[at] = (uint16_t)start[channel];
      // The set of all sums, whatever their number.
      shorts[32 + at] = (uint16_t)(width[channel] == UINT32_MAX ? UINT16_MAX : width[channel]);
    }
  }
}

static void SK_NAME(arrange_panel)(const uint32_t *words, uint32_t *panel, size_t blocks, size_t depth) {
  uint8_t *bytes = (uint8_t *)panel;
  for (size_t pair = 0; pair < blocks; pair += 2) {
    for (size_t k = 0; k < depth; ++k) {
      for (int byte = 0; byte < 4; ++byte) {
        for (size_t channel = 0; channel < 32; ++channel) {
          const uint32_t word = words[((pair + channel / 16) * depth + k) * 16 + channel % 16];
          *bytes++ = (uint8_t)(word >> (8 * byte));
        }
      }
    }
  }
}

// The tile's mix on registers: half bytes of two vectors of weights, then a shuffle and an addition for each row.
static double SK_NAME(peak_binary)(size_t rounds) {
  __m256i sums[4][2] = {}, weights = _mm256_set1_epi8(0x5A), table = _mm256_set1_epi8(3);
  const __m256i low_half = _mm256_set1_epi8(15);
  for (size_t round = 0; round < rounds; ++round) {
    __m256i low[2], high[2];
    SK_UNROLL for (int p = 0; p < 2; ++p) {
      __asm__ volatile("" : "+x"(weights));
      low[p] = _mm256_and_si256(weights, low_half);
      high[p] = _mm256_and_si256(_mm256_srli_epi16(weights, 4), low_half);
    }
    SK_UNROLL for (int r = 0; r < 4; ++r) {
      __asm__ volatile("" : "+x"(table));
      SK_UNROLL for (int p = 0; p < 2; ++p) {
        sums[r][p] = _mm256_add_epi8(sums[r][p], _mm256_shuffle_epi8(table, low[p]));
        sums[r][p] = _mm256_add_epi8(sums[r][p], _mm256_shuffle_epi8(table, high[p]));
      }
    }
  }
  for (int r = 0; r < 4; ++r) {
    for (int p = 0; p < 2; ++p) __asm__ volatile("" : "+x"(sums[r][p]));
  }
  return (double)rounds * 4 * 2 * 32 * 8;
}

// SPDX-License-Identifier: Apache-2.0
//
// dW from bfloat16 by lookup, summed in float32.

#define SK_L(name) SK_NAME(name##_of_reals)
#define SK_L_LANES 16
#define SK_L_ROWS 4
#define SK_L_STEP 2
#define SK_L_KEPT sk_f32
#define SK_L_MISSED sk_f32
#define SK_L_SCALAR float
#include "weight_lookup.h"

SK_INLINE int SK_L(weight_pays)(const sk_weight_gradient *g) {
  return SK_L(columns_of)(g) >= SK_LOOKUP_FEWEST_COLUMNS && g->filters >= 32;
}

SK_INLINE __m512i SK_L(weight_indices)(const void *const *rows, const SK_L(column) *column) {
  const uint16_t *halves[SK_L_ROWS];
  for (int r = 0; r < SK_L_ROWS; ++r) halves[r] = rows[r] ? (const uint16_t *)rows[r] + column->half : 0;
  return SK_NAME(real_indices)(halves);
}

// The signs of `real_sums`, for two pairs: each product is exact.
SK_INLINE void SK_L(weight_tables)(const sk_weight_gradient *g, size_t tile, size_t begin, size_t groups,
                                   __m512i *tables) {
  const size_t steps = (g->rows + 3) / 4 * 2, block = tile / SK_GRADIENT_TILES, inside = tile % SK_GRADIENT_TILES;
  const uint32_t *dy = g->dy + (block * steps + begin / 2) * SK_GRADIENT_FILTERS + inside * SK_GRADIENT_ROWS;
  const sk_u32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sk_u32 signs[2];
  for (uint32_t pair = 0; pair < 2; ++pair) {
    const sk_u32 low = lane >> 2 * pair & 1, high = lane >> (2 * pair + 1) & 1;
    signs[pair] = 0xBF80BF80u ^ low << 15 ^ high << 31;
  }
  for (size_t group = 0; group < groups; ++group, dy += 2 * SK_GRADIENT_FILTERS, ++tables) {
    SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
      sk_f32 sums = SK_DOT_PAIRS((sk_f32)(0.0f), signs[0], dy[r]);
      sums = SK_DOT_PAIRS(sums, signs[1], dy[SK_GRADIENT_FILTERS + r]);
      tables[r * SK_LOOKUP_GROUPS] = (__m512i)sums;
    }
  }
}

SK_INLINE void SK_L(weight_sums)(int vectors, SK_L_KEPT *kept, const __m512i *tables, const __m512i *indices,
                                 size_t groups) {
  sk_f32 sums[SK_LOOKUP_ROWS][3];
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) sums[r][v] = kept[r * vectors + v];
  }
  SK_NAME(look_up_reals)(vectors, sums, tables, SK_LOOKUP_GROUPS, indices, groups);
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) kept[r * vectors + v] = sums[r][v];
  }
}

SK_INLINE SK_L_MISSED SK_L(missed_row)(const uint32_t *words, size_t row) {
  const sk_u32 pairs = SK_LOAD_U32(words);
  return (sk_f32)(row % 2 ? pairs & 0xFFFF0000u : pairs << 16);
}

SK_INLINE void SK_L(weights_of)(const sk_weight_gradient *g, size_t f, const SK_L_KEPT *kept, SK_L_SCALAR missed,
                                sk_f32 *values) {
  (void)g, (void)f;
  *values = *kept + missed;
}

#undef SK_L
#undef SK_L_LANES
#undef SK_L_ROWS
#undef SK_L_STEP
#undef SK_L_KEPT
#undef SK_L_MISSED
#undef SK_L_SCALAR
#undef SK_L_CHUNK

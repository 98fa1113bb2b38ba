// SPDX-License-Identifier: Apache-2.0
//
// dW from bytes by lookup; the integers are those of weight_gradient.h, and so are the reals that follow.

#define SK_L(name) SK_NAME(name##_of_bytes)
#define SK_L_LANES 32
#define SK_L_ROWS 5
#define SK_L_STEP 4
#define SK_L_KEPT SK_NAME(word_sums)
#define SK_L_MISSED sk_i32
#define SK_L_SCALAR int32_t

// The sums of a word's two halves.
typedef struct SK_NAME(word_sums) {
  sk_i32 of[2];
} SK_NAME(word_sums);

#include "weight_lookup.h"

_Static_assert(SK_L_CHUNK % 4 == 0, "a chunk begins with a word of dY");
_Static_assert(SK_L_CHUNK <= SK_BYTE_SUMS, "a chunk is added up in 16 bits");

// With more rows, weight_gradient.h rounds in the middle of a sum.
SK_INLINE int SK_L(weight_pays)(const sk_weight_gradient *g) {
  const int has_room = g->offset == 1 && g->rows <= INT32_MAX / 254;
  return SK_L(columns_of)(g) >= SK_LOOKUP_FEWEST_COLUMNS && g->filters >= 32 && has_room;
}

SK_INLINE __m512i SK_L(weight_indices)(const void *const *rows, const SK_L(column) *column) {
  const uint32_t *words[SK_L_ROWS];
  for (int r = 0; r < SK_L_ROWS; ++r) words[r] = rows[r] ? (const uint32_t *)rows[r] + column->half / 2 : 0;
  return SK_NAME(byte_indices)(words);
}

SK_INLINE void SK_L(weight_tables)(const sk_weight_gradient *g, size_t tile, size_t begin, size_t groups,
                                   __m512i *tables) {
  const SK_NAME(byte_signs) signs = SK_NAME(signs_of_bytes)();
  const size_t steps = (g->rows + 3) / 4, block = tile / SK_GRADIENT_TILES, inside = tile % SK_GRADIENT_TILES;
  const uint32_t *dy = g->dy + (block * steps + begin / 4) * SK_GRADIENT_FILTERS + inside * SK_GRADIENT_ROWS;
  // A filter's bytes one after the other, since 5 of them lie across its words; 0 behind the last row.
  uint32_t words[SK_LOOKUP_ROWS][SK_L_CHUNK / 4];
  const size_t needed = (groups * SK_L_ROWS + 3) / 4, there = steps - begin / 4;
  for (size_t step = 0; step < needed; ++step) {
    SK_UNROLL for (size_t r = 0; r < SK_LOOKUP_ROWS; ++r) {
      words[r][step] = 0x80808080u ^ (step < there ? dy[step * SK_GRADIENT_FILTERS + r] : 0);
    }
  }
  for (size_t group = 0; group < groups; ++group) {
    SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
      const char *bytes = (const char *)words[r] + group * SK_L_ROWS;
      tables[(size_t)r * SK_LOOKUP_GROUPS + group] = SK_NAME(byte_sums)(&signs, bytes);
    }
  }
}

SK_INLINE void SK_L(weight_sums)(int vectors, SK_L_KEPT *kept, const __m512i *tables, const __m512i *indices,
                                 size_t groups) {
  __m512i sums[SK_LOOKUP_ROWS][3];
  SK_NAME(look_up_bytes)(vectors, sums, tables, SK_LOOKUP_GROUPS, indices, groups);
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      SK_UNROLL for (int half = 0; half < 2; ++half) {
        kept[r * vectors + v].of[half] += SK_NAME(widened)(sums[r][v], half);
      }
    }
  }
}

SK_INLINE SK_L_MISSED SK_L(missed_row)(const uint32_t *words, size_t row) {
  return (sk_i32)(SK_LOAD_U32(words) << (uint32_t)(24 - row % 4 * 8)) >> 24;
}

SK_INLINE void SK_L(weights_of)(const sk_weight_gradient *g, size_t f, const SK_L_KEPT *kept, SK_L_SCALAR missed,
                                sk_f32 *values) {
  for (int half = 0; half < 2; ++half) {
    values[half] = __builtin_convertvector(kept->of[half] + missed, sk_f32) * (sk_f32)(g->scales[f] * g->quantum);
  }
}

#undef SK_L
#undef SK_L_LANES
#undef SK_L_ROWS
#undef SK_L_STEP
#undef SK_L_KEPT
#undef SK_L_MISSED
#undef SK_L_SCALAR
#undef SK_L_CHUNK

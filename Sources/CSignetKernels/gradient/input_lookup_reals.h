// SPDX-License-Identifier: Apache-2.0
//
// dX from bfloat16 by lookup, summed in float32.

#define SK_L(name) SK_NAME(name##_of_reals)
#define SK_L_LANES 16

SK_INLINE size_t SK_L(depth)(size_t filters) { return (filters + 3) / 4; }

// For a layer of so many vectors of channels under all taps.
SK_INLINE int SK_L(pays)(const sk_input_gradient *g, size_t vectors) { return vectors >= 16 && g->filters >= 32; }

// Tables of a pass take half of the first-level cache.
SK_INLINE size_t SK_L(pass)(size_t filters) {
  const size_t groups = SK_L(depth)(filters), passes = (groups + 47) / 48;
  return (groups + passes - 1) / passes;
}

SK_INLINE void SK_L(index_column)(const sk_input_gradient *g, size_t tap, size_t vector, __m512i *to, size_t step) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  for (size_t f = 0; f < g->filters; f += 4, to += step) {
    const uint16_t *halves[4];
    for (size_t b = 0; b < 4; ++b) {
      const int there = f + b < g->filters;
      halves[b] = there ? (const uint16_t *)(g->weights + ((f + b) * taps + tap) * g->words) + vector : 0;
    }
    *to = SK_NAME(real_indices)(halves);
  }
}

SK_INLINE void SK_L(input_tables)(const sk_input_gradient *g, size_t row, void *buffer, __m512i *tables) {
  float *reals = buffer;
  const uint16_t *from = (const uint16_t *)((const char *)g->dy + row * g->row_bytes);
  for (size_t f = 0; f < g->filters; f += SK_LANES) {
    const size_t left = SK_NAME(lanes_left)(g->filters, f);
    const sk_f32 lanes = SK_NAME(load_gradient_lanes)(from, SK_PRECISION_BFLOAT16, f, left);
    memcpy(reals + f, &lanes, sizeof lanes);
  }
  for (size_t f = 0; f < g->filters; f += 4) *tables++ = (__m512i)SK_NAME(real_sums)(reals + f);
}

typedef struct SK_L(tile_sums) {
  sk_f32 of[SK_LOOKUP_ROWS][3];
} SK_L(tile_sums);

#define SK_L_KEPT SK_L(tile_sums)
#include "input_lookup.h"

// A tap's sum is added as a whole, so that it doesn't matter which rows share a tile.
SK_INLINE void SK_L(input_sums)(int vectors, const sk_input_gradient *g, const SK_L(tile_rows) *rows,
                                const SK_L(lookup) *l) {
  (void)g, (void)rows;
  SK_L(tile_sums) sums = {};
  if (!l->is_first) sums = *l->between;
  SK_NAME(look_up_reals)(vectors, sums.of, l->tables, l->stride, l->indices, l->groups);
  if (!l->is_last) {
    *l->between = sums;
    return;
  }
  SK_UNROLL for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    SK_UNROLL for (int v = 0; v < vectors; ++v) l->to[r][v] += sums.of[r][v];
  }
}

#undef SK_L
#undef SK_L_LANES
#undef SK_L_KEPT

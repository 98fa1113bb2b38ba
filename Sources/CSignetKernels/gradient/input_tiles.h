// SPDX-License-Identifier: Apache-2.0
//
// dX by AMX. The weights' signs are expanded once, for all tasks: the panel is [tap][column][block][16 words]
// [16 lanes], a block being 16 words of filters. Rows of dY come from strips, 32 positions by 2 columns at a time.
// Integers are those of input_gradient.h and get their row's scale when they do there: tap by tap, and after as many
// filters. They are sums of -1 and 1, or, where filters are summed in pieces, of 0 and 2, the row's sum being taken off
// in the first piece.

#if SK_STEP == 4
#define SK_INPUT_DEPTH (4 * SK_GRADIENT_DEPTH)
#endif

// Filters that one sum takes, from `first` on: whole words first, and only so many.
SK_INLINE size_t SK_P(depth_from)(size_t filters, size_t first) {
#if SK_STEP == 4
  const size_t whole = filters / 4 * 4;
  if (first >= whole) return filters - first;
  return whole - first < SK_INPUT_DEPTH ? whole - first : SK_INPUT_DEPTH;
#else
  return filters - first;
#endif
}

SK_INLINE size_t SK_P(depth_blocks)(size_t depth) { return (depth + 16 * SK_STEP - 1) / (16 * SK_STEP); }

SK_INLINE size_t SK_P(input_blocks)(size_t filters) {
  size_t blocks = 0;
  for (size_t first = 0; first < filters; first += SK_P(depth_from)(filters, first)) {
    blocks += SK_P(depth_blocks)(SK_P(depth_from)(filters, first));
  }
  return blocks;
}

SK_INLINE int SK_P(has_pieces)(size_t filters) { return SK_P(depth_from)(filters, 0) < filters; }

static size_t SK_P(input_panel_bytes)(const sk_input_gradient *g) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  return taps * SK_P(input_blocks)(g->filters) * ((g->channels + SK_LANES - 1) / SK_LANES) * SK_TILE_BYTES;
}

// Taps [begin, end).
static void SK_P(input_panel)(const sk_input_gradient *g, size_t begin, size_t end, void *panel) {
  const int has_pieces = SK_P(has_pieces)(g->filters);
  const float levels[2] = {has_pieces ? 0 : -1, has_pieces ? 2 : 1};
  const SK_P(level_table) table = SK_P(table_of)(levels, 1, 1);
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES, blocks = SK_P(input_blocks)(g->filters);
  for (size_t tap = begin; tap < end; ++tap) {
    uint32_t *to = (uint32_t *)((char *)panel + tap * blocks * columns * SK_TILE_BYTES);
    for (size_t column = 0; column < columns; ++column) {
      for (size_t first = 0; first < g->filters; first += SK_P(depth_from)(g->filters, first)) {
        const size_t depth = SK_P(depth_from)(g->filters, first);
        for (size_t block = 0; block < SK_P(depth_blocks)(depth); ++block) {
          for (size_t s = 0; s < 16; ++s, to += SK_LANES) {
            SK_P(places) places;
            for (size_t e = 0; e < SK_STEP; ++e) {
              const size_t f = (block * 16 + s) * SK_STEP + e;
              const uint16_t *bits = (const uint16_t *)(g->weights + ((first + f) * taps + tap) * g->words);
              places.plane[e] = f < depth ? bits + column : 0;
            }
            const sk_u32 word = SK_P(expand)(&table, places, 0, 1, 0);
            memcpy(to, &word, sizeof word);
          }
        }
      }
    }
  }
}

#include "input_strips.h"

// 32 positions by 2 columns, and what is summed by tiles before their sums are looked at: a tap's piece of the filters
// for bytes, everything for bfloat16.
typedef struct SK_P(input_unit) {
  size_t position, column;
  size_t tap, first, before;  // bytes: of filters, and of blocks before them
} SK_P(input_unit);

// To the next unit of a strip that has sums; false behind the last one.
SK_INLINE int SK_P(next_unit)(const sk_input_gradient *g, const SK_P(strip) * s, SK_P(input_unit) * u) {
#if SK_STEP == 4
  const size_t taps = (size_t)s->window.kernel_height * (size_t)s->window.kernel_width;
  const size_t depth = SK_P(depth_from)(g->filters, u->first);
  u->first += depth;
  u->before += SK_P(depth_blocks)(depth);
  if (u->first < g->filters) return 1;
  u->first = u->before = 0;
  // The first and the last tap begin and end what is kept.
  while (++u->tap + 1 < taps && !SK_P(leads_anywhere)(s, u->position + SK_P(tap_distance)(s, u->tap))) {
  }
  if (u->tap < taps) return 1;
  u->tap = 0;
#endif
  // The operand that fits the first-level cache less well is read once.
  if (s->is_few_columns) {
    u->column += 2;
    if (u->column * SK_LANES < g->channels) return 1;
    u->column = 0;
    u->position += 32;
    return u->position < s->end;
  }
  u->position += 32;
  if (u->position < s->end) return 1;
  u->position = s->begin;
  u->column += 2;
  return u->column * SK_LANES < g->channels;
}

SK_INLINE void SK_P(sum_unit)(const sk_input_gradient *g, const SK_P(strip) * s, const SK_P(input_unit) * u, int tall,
                              int wide) {
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES, all = SK_P(input_blocks)(g->filters);
  SK_NAME(tile_operands)
  o = {.left_row = s->row_bytes,
       .left_step = 64,
       .left_tile = 16 * s->row_bytes,
       .right_step = SK_TILE_BYTES,
       .right_row = 64,
       .right_tile = all * SK_TILE_BYTES};
  SK_NAME(zero_sums)();
#if SK_STEP == 4
  const size_t first = u->tap, behind = first + 1;
  o.blocks = SK_P(depth_blocks)(SK_P(depth_from)(g->filters, u->first));
#else
  const size_t first = 0, behind = (size_t)s->window.kernel_height * (size_t)s->window.kernel_width;
  o.blocks = all;
#endif
  for (size_t tap = first; tap < behind; ++tap) {
    const size_t row = u->position + SK_P(tap_distance)(s, tap);
    if (SK_STEP < 4 && !SK_P(leads_anywhere)(s, row)) continue;
    o.left = s->rows + row * s->row_bytes + u->before * 64;
    o.right = (const char *)g->panel + ((tap * columns + u->column) * all + u->before) * SK_TILE_BYTES;
    SK_ADD_SQUARE(SK_TILE_DOT, tall, wide, o);
  }
}

#if SK_STEP == 4
// What a unit's integers [position][column] amount to, added to what is kept, [position][column]; with `begins` nothing
// is.
SK_INLINE void SK_P(scale_unit)(const SK_P(strip) * s, const SK_P(input_unit) * u, const SK_SUM *sums, sk_f32 *kept,
                                int wide, int begins, int corrects) {
  const size_t left = s->end - u->position, count = left < 32 ? left : 32;
  const size_t row = u->position + SK_P(tap_distance)(s, u->tap);
  for (size_t p = 0; p < count; ++p, kept += 2, sums += 2) {
    const sk_f32 scale = (sk_f32)s->scales[row + p];
    SK_UNROLL for (int v = 0; v < wide; ++v) {
      const sk_i32 sum = corrects ? sums[v] - s->row_sums[row + p] : sums[v];
      kept[v] = SK_FMA(scale, __builtin_convertvector(sum, sk_f32), begins ? (sk_f32)0 : kept[v]);
    }
  }
}
#endif

// Writes a unit's values where pixels are.
SK_INLINE void SK_P(store_unit)(const sk_input_gradient *g, const SK_P(strip) * s, const SK_P(input_unit) * u,
                                const sk_f32 *values, int wide) {
  const size_t left = s->end - u->position, count = left < 32 ? left : 32;
  const int is_even = wide == 2 && g->kind == SK_PRECISION_BFLOAT16 && g->channels >= (u->column + 2) * SK_LANES;
  SK_P(strip_place) at = SK_P(place_in_strip)(s, u->position);
  for (size_t p = 0; p < count;) {
    const size_t rest = s->pitch - at.column, length = rest < count - p ? rest : count - p;
    if (at.column < s->width && at.y < (size_t)s->window.in_height) {
      const size_t own = s->width - at.column, pixels = own < length ? own : length;
      if (is_even) {
        SK_NAME(store_masked_pairs)(g, at.pixel, pixels, u->column, values + 2 * p);
      } else {
        SK_NAME(store_masked_pixels)(g, at.pixel, pixels, u->column, u->column + (size_t)wide, values + 2 * p, 2);
      }
      at.pixel += pixels;
    }
    p += length;
    at.column = 0;
    if (++at.y == s->tall) at.y = 0;
  }
}

// Constants, for loops without branches.
SK_INLINE void SK_P(finish_unit)(const sk_input_gradient *g, const SK_P(strip) * s, const SK_P(input_unit) * u,
                                 const SK_SUM *sums, sk_f32 *kept, int wide) {
#if SK_STEP == 4
  const size_t taps = (size_t)s->window.kernel_height * (size_t)s->window.kernel_width;
  const int begins = u->tap == 0 && u->first == 0;
  if (s->pieces > 1) {
    SK_P(scale_unit)(s, u, sums, kept, wide, begins, u->first == 0);
  } else if (begins) {
    SK_P(scale_unit)(s, u, sums, kept, wide, 1, 0);
  } else {
    SK_P(scale_unit)(s, u, sums, kept, wide, 0, 0);
  }
  if (u->tap + 1 < taps || u->first + SK_P(depth_from)(g->filters, u->first) < g->filters) return;
  SK_P(store_unit)(g, s, u, kept, wide);
#else
  (void)kept;
  SK_P(store_unit)(g, s, u, sums, wide);
#endif
}

SK_INLINE void SK_P(sum_some)(const sk_input_gradient *g, const SK_P(strip) * s, const SK_P(input_unit) * u) {
  const int is_tall = s->end - u->position > 16, is_wide = g->channels > (u->column + 1) * SK_LANES;
  if (is_tall && is_wide) {
    SK_P(sum_unit)(g, s, u, 2, 2);
  } else if (is_tall) {
    SK_P(sum_unit)(g, s, u, 2, 1);
  } else if (is_wide) {
    SK_P(sum_unit)(g, s, u, 1, 2);
  } else {
    SK_P(sum_unit)(g, s, u, 1, 1);
  }
}

static void SK_P(input_gradient)(const sk_input_gradient *g, size_t begin, size_t end, void *scratch) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES;
  const size_t rows = SK_P(strip_rows)(taps), row_bytes = SK_P(input_blocks)(g->filters) * 64;
  // Sums of the unit that is finished while the next one is summed.
  SK_SUM *const halves = scratch, *sums = halves;
  sk_f32 *kept = (sk_f32 *)(halves + 2 * 64);
  SK_P(strip) strip = {.rows = (char *)(kept + 64), .row_bytes = row_bytes};
  strip.there = (uint64_t *)(strip.rows + rows * row_bytes);
  strip.scales = (float *)(strip.there + rows / 64 + 2);
  strip.row_sums = (int32_t *)(strip.scales + rows);
  strip.pieces = SK_P(has_pieces)(g->filters) ? 2 : 1;
  SK_P(begin_strips)(g, &strip);
  strip.is_few_columns = taps * columns * row_bytes * 16 <= SK_STRIP_PANEL_BYTES;
  SK_NAME(begin_tiles)();
  while (begin < end) {
    begin = SK_P(make_strip)(g, &strip, begin, end);
    SK_P(input_unit) unit = {.position = strip.begin};
    SK_P(sum_some)(g, &strip, &unit);
    for (int goes_on = 1; goes_on; sums = sums == halves ? halves + 64 : halves) {
      // While tiles sum the next unit, vectors finish this one.
      const SK_P(input_unit) done = unit;
      SK_STORE_SQUARE(2, 2, sums, 128, 16 * 128);
      goes_on = SK_P(next_unit)(g, &strip, &unit);
      if (goes_on) SK_P(sum_some)(g, &strip, &unit);
      if (columns - done.column > 1) {
        SK_P(finish_unit)(g, &strip, &done, sums, kept, 2);
      } else {
        SK_P(finish_unit)(g, &strip, &done, sums, kept, 1);
      }
    }
  }
  SK_NAME(end_tiles)();
}
#undef SK_INPUT_DEPTH

// SPDX-License-Identifier: Apache-2.0
//
// dW[f][tap][c] = sum over output pixels of dY[pixel][f] * H[pixel under the tap][c], with H the binarized input.
//
// A block of up to SK_GRADIENT_VECTORS columns (one is 16 channels of a tap) goes over all rows in chunks: its bits
// are expanded once for all filters, from a chunk's values where weight_values.h has them. Every sum runs over the rows
// in order, whatever the blocks.

// One half word a plane for each row of the chunk that a tap reads; null outside the image. Line by line of the output,
// since a line's rows read pixels that lie equally far apart.
static void SK_P(tap_rows)(const sk_weight_gradient *g, size_t tap, size_t begin, size_t count, const void **rows) {
  const sk_window *w = &g->window;
  const int32_t ky = (int32_t)(tap / (size_t)w->kernel_width), kx = (int32_t)(tap % (size_t)w->kernel_width);
  const int32_t left = kx - w->pad_left, step = w->stride_width;
  // Output columns [first, last) read inside.
  const int32_t first = left >= 0 ? 0 : (-left + step - 1) / step;
  const int32_t last = w->in_width <= left ? 0 : (w->in_width - left + step - 1) / step;
  const size_t line = (size_t)w->in_width * g->pixel_words;
  SK_NAME(cursor) at = SK_NAME(cursor_at)(w, begin);
  for (size_t r = 0; r < count;) {
    const int32_t y = at.y * w->stride_height - w->pad_top + ky, from = at.x;
    const size_t rest = (size_t)(w->out_width - from), length = rest < count - r ? rest : count - r;
    const int32_t end = from + (int32_t)length;
    if (y < 0 || y >= w->in_height || first >= end || last <= from) {
      memset(rows + r, 0, length * sizeof *rows);
    } else {
      const uint32_t *source = g->bits + (at.image * (size_t)w->in_height + (size_t)y) * line;
      const void **to = rows + r;
      for (int32_t x = from; x < end; ++x) {
        const int inside = x >= first && x < last;
        *to++ = inside ? source + (size_t)(left + x * step) * g->pixel_words : 0;
      }
    }
    r += length;
    at.x = end;
    if (at.x < w->out_width) break;
    at.x = 0;
    if (++at.y == w->out_height) at.y = 0, ++at.image;
  }
}

#if SK_HAS_VALUES
#include "weight_values.h"
#endif

// Columns of values are [half][tap], so that those that share a pass are few channels; others are [tap][half], since a
// tap's rows are found once for all its halves.
SK_INLINE size_t SK_P(tap_of)(size_t column, size_t taps, size_t halves, int has_values) {
  return has_values ? column % taps : column / halves;
}
SK_INLINE size_t SK_P(half_of)(size_t column, size_t taps, size_t halves, int has_values) {
  return has_values ? column / taps : column % halves;
}

#if SK_TILED
#include "weight_tiles.h"
#else
// Rows of sums that a task keeps, and how many before its own.
SK_INLINE size_t SK_P(lead_rows)(size_t first_tile) { return (void)first_tile, 0; }
SK_INLINE size_t SK_P(sum_rows)(size_t first_tile, size_t end_tile) {
  return (end_tile - first_tile) * SK_GRADIENT_ROWS;
}

// Adds rows [begin, begin + count), whose columns are expanded in the panel.
SK_INLINE void SK_P(weight_tiles)(const sk_weight_gradient *g, int width, const uint32_t *panel, size_t begin,
                                  size_t count, size_t first_tile, size_t end_tile, SK_SUM *sums) {
  const size_t all_steps = (g->rows + 3) / 4 * 4 / SK_STEP, steps = (count + SK_STEP - 1) / SK_STEP;
  const uint32_t *dy = g->dy + begin / SK_STEP * SK_GRADIENT_FILTERS;
  for (size_t tile = first_tile; tile < end_tile; ++tile, sums += (size_t)SK_GRADIENT_ROWS * (size_t)width) {
    const size_t block = tile / SK_GRADIENT_TILES, inside = tile % SK_GRADIENT_TILES;
    const char *rows = (const char *)(dy + block * all_steps * SK_GRADIENT_FILTERS + inside * SK_GRADIENT_ROWS);
#define SK_CALL(VECTORS) SK_P(weight_tile)(VECTORS, sums, panel, rows, steps)
    SK_EACH_WIDTH(SK_CALL)
#undef SK_CALL
  }
}
#endif

// What the sums of a block of columns amount to; `add` where rows before them have been written already.
static void SK_P(finish_weights)(const sk_weight_gradient *g, size_t column, int width, size_t first_tile,
                                 size_t end_tile, const SK_SUM *sums, int has_values, int add, int last) {
  // Columns of reals run on over the taps.
  const size_t all_taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t taps = g->images ? 1 : all_taps, channels = g->images ? all_taps * g->channels : g->channels;
  const size_t columns = (channels + SK_LANES - 1) / SK_LANES;
  const size_t end = end_tile * SK_GRADIENT_ROWS < g->filters ? end_tile * SK_GRADIENT_ROWS : g->filters;
  for (size_t f = first_tile * SK_GRADIENT_ROWS; f < end; ++f, sums += width) {
    for (int v = 0; v < width; ++v) {
      const size_t tap = SK_P(tap_of)(column + (size_t)v, taps, columns, has_values);
      const size_t c = SK_P(half_of)(column + (size_t)v, taps, columns, has_values) * SK_LANES;
      const uint32_t count = SK_NAME(lanes_left)(channels, c);
      float *to = g->dw + (f * taps + tap) * channels + c;
#if SK_STEP == 4
      // All rows in one sum: the correction is exact too.
      const int whole = last && !add;
      const sk_i32 sum = whole ? sums[v] - g->sums[f] * g->offset : sums[v];
      sk_f32 value = __builtin_convertvector(sum, sk_f32);
      if (last && add) value -= (sk_f32)((float)g->sums[f] * (float)g->offset);
      value *= (sk_f32)(g->scales[f] * g->quantum);
      if (add) value += SK_NAME(load_lanes)(to, count);
#else
      (void)last, (void)add;
      const sk_f32 value = sums[v];
#endif
      SK_NAME(store_lanes)(to, &value, count);
    }
  }
}

// Where a call keeps what it works on.
typedef struct SK_P(weight_workspace) {
  const void **rows;      // of a chunk: half words of the taps of a block, or the first element of a window
  size_t taps[SK_GRADIENT_VECTORS];  // whose rows they are, plus 1
  uint32_t *panel;        // of a block
  SK_SUM *sums;           // of all blocks that share a pass over the rows
  int has_values;
#if SK_HAS_VALUES
  SK_P(values) values;
#endif
} SK_P(weight_workspace);

// The operands of a block of columns for rows [begin, begin + count), from bits.
static void SK_P(expand_columns)(const sk_weight_gradient *g, const SK_P(level_table) *table, size_t column, int width,
                                 size_t begin, size_t count, SK_P(weight_workspace) *w) {
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES;
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t steps = (count + SK_STEP - 1) / SK_STEP;
  for (int v = 0; v < width; ++v) {
    const size_t tap = SK_P(tap_of)(column + (size_t)v, taps, columns, w->has_values);
    const size_t half = SK_P(half_of)(column + (size_t)v, taps, columns, w->has_values);
#if SK_HAS_VALUES
    if (w->has_values) {
      SK_P(gather_values)(g, &w->values, tap, half, steps, (size_t)width * SK_LANES, w->panel + v * SK_LANES);
      continue;
    }
#endif
    // The block before may have had the same tap.
    const size_t slot = tap % SK_GRADIENT_VECTORS;
    const void **rows = w->rows + slot * SK_GRADIENT_STEPS * SK_STEP;
    if (w->taps[slot] != tap + 1) SK_P(tap_rows)(g, tap, begin, count, rows);
    w->taps[slot] = tap + 1;
    for (size_t s = 0; s < steps; ++s) {
      SK_P(places) places;
      for (size_t e = 0; e < SK_STEP; ++e) {
        const size_t r = s * SK_STEP + e;
        places.plane[e] = r < count && rows[r] ? (const uint16_t *)rows[r] + half : 0;
      }
      const sk_u32 word = SK_P(expand)(table, places, g->plane_words * 2, g->planes, (uint32_t)g->offset);
      memcpy(w->panel + (s * (size_t)width + (size_t)v) * SK_LANES, &word, sizeof word);
    }
  }
}

#if SK_STEP < 4
// The operands of a block of columns from images of reals.
static void SK_P(copy_columns)(const sk_weight_gradient *g, size_t column, int width, size_t begin, size_t count,
                               const SK_P(weight_workspace) *w) {
  SK_NAME(cursor) at = SK_NAME(cursor_at)(&g->window, begin);
  for (size_t r = 0; r < count; ++r, SK_NAME(advance)(&g->window, &at)) {
    w->rows[r] = SK_P(window_start)(g->images, &g->window, &at);
  }
  for (int v = 0; v < width; ++v) {
    SK_P(pieces) pieces;
    SK_P(pieces_of)(g->images, &g->window, (column + (size_t)v) * SK_LANES, &pieces);
    SK_P(copy_column)(&pieces, (const SK_P(element) *const *)w->rows, count, w->panel + v * SK_LANES,
                      (size_t)width * SK_LANES);
  }
}
#endif

// How many columns share a pass over the rows: as many as keep their sums in the second-level cache.
SK_INLINE size_t SK_P(pass_columns)(size_t rows) {
  const size_t block = rows * SK_GRADIENT_VECTORS * SK_LANES * sizeof(float);
  const size_t blocks = SK_GRADIENT_SUM_BYTES / block;
  return (blocks < 1 ? 1 : blocks) * SK_GRADIENT_VECTORS;
}

#if SK_HAS_VALUES && !SK_TILED
// Columns of a task: a word of channels at all taps, whose values it makes.
static sk_column_counts SK_P(weight_columns)(const sk_weight_gradient *g) {
  SK_P(values) values;
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t usual = SK_P(begin_values)(g, &values) ? 2 * taps : SK_GRADIENT_VECTORS;
  return (sk_column_counts){.usual = usual, .fewest = SK_GRADIENT_VECTORS};
}
#endif

static void SK_P(weight_gradient)(const sk_weight_gradient *g, size_t first_column, size_t end_column,
                                  size_t first_tile, size_t end_tile, void *scratch) {
  if (first_tile >= end_tile) return;
  static const float none[2];
  const SK_P(level_table) table =
      SK_P(table_of)(g->levels ? g->levels : none, g->levels ? g->planes : 0, g->quantum);
  const size_t sum_rows = SK_P(sum_rows)(first_tile, end_tile), lead = SK_P(lead_rows)(first_tile);
  const size_t chunk = SK_GRADIENT_STEPS * SK_STEP;
  const size_t most = SK_P(pass_columns)(sum_rows);
  SK_P(weight_workspace) w = {.rows = scratch};
  w.panel = (uint32_t *)(w.rows + chunk * SK_GRADIENT_VECTORS);
  w.sums = (SK_SUM *)(w.panel + SK_GRADIENT_STEPS * SK_GRADIENT_VECTORS * SK_LANES);
#if SK_HAS_VALUES
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  w.values = (SK_P(values)){.rows = (const char **)w.rows, .at = (char *)(w.sums + most * sum_rows)};
  w.has_values = SK_P(begin_values)(g, &w.values);
#endif
#if SK_TILED
  SK_NAME(begin_tiles)();
#endif
  for (size_t pass = first_column; pass < end_column;) {
    // Passes, and blocks in a pass, are as wide as each other: 5 columns are 3 and 2 rather than 4 and 1.
    const size_t passes = (end_column - pass + most - 1) / most;
    const size_t columns = (end_column - pass + passes - 1) / passes;
    const size_t blocks = (columns + SK_GRADIENT_VECTORS - 1) / SK_GRADIENT_VECTORS;
    memset(w.sums, 0, sum_rows * columns * sizeof(SK_SUM));
    size_t pending = 0;
    int added = 0;
    for (size_t begin = 0; begin < g->rows; begin += chunk) {
      const size_t count = g->rows - begin < chunk ? g->rows - begin : chunk;
      // Bytes: sums of 32 bits are emptied before they could overflow.
      const int full = SK_STEP == 4 && (pending + count) * 127 * 2 * (size_t)g->offset > INT32_MAX;
      pending = full ? count : pending + count;
      memset(w.taps, 0, sizeof w.taps);
#if SK_HAS_VALUES
      if (w.has_values) {
        SK_P(make_values)(g, &table, begin, count, pass / taps, (pass + columns - 1) / taps + 1, &w.values);
      }
#endif
      for (size_t b = 0; b < blocks; ++b) {
        const size_t from = columns * b / blocks, to = columns * (b + 1) / blocks;
        const int width = (int)(to - from);
        SK_SUM *sums = w.sums + sum_rows * from;
        if (full) {
          SK_P(finish_weights)(g, pass + from, width, first_tile, end_tile, sums + lead * (to - from), w.has_values,
                                added, 0);
          memset(sums, 0, sum_rows * (to - from) * sizeof(SK_SUM));
        }
#if SK_STEP < 4
        if (g->images) {
          SK_P(copy_columns)(g, pass + from, width, begin, count, &w);
        } else
#endif
        {
          SK_P(expand_columns)(g, &table, pass + from, width, begin, count, &w);
        }
        SK_P(weight_tiles)(g, width, w.panel, begin, count, first_tile, end_tile, sums);
      }
      added |= full;
    }
    for (size_t b = 0; b < blocks; ++b) {
      const size_t from = columns * b / blocks, to = columns * (b + 1) / blocks;
      SK_P(finish_weights)(g, pass + from, (int)(to - from), first_tile, end_tile,
                           w.sums + sum_rows * from + lead * (to - from), w.has_values, added, 1);
    }
    pass += columns;
  }
#if SK_TILED
  SK_NAME(end_tiles)();
#endif
}

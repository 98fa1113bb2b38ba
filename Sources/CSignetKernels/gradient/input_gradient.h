// SPDX-License-Identifier: Apache-2.0
//
// dX[pixel][c] = mask * sum over taps and filters of dY[output pixel][f] * sign(W[f][tap][c]).
//
// Up to SK_GRADIENT_PIXELS pixels by SK_GRADIENT_VECTORS columns at a time; tap by tap the weights' bits are expanded
// once for all of these pixels. Those that a tap leads outside from have no part in it: at the borders of small images
// that is a tenth to a fifth of the products.

typedef struct SK_P(sources) {
  SK_P(input_rows) tiles[SK_GRADIENT_PIXELS / SK_GRADIENT_ROWS];
} SK_P(sources);

// The rows of dY that a tap leads to, one after the other, and whose they are; returns how many there are. With `all`
// every pixel has a row, of zeros if need be.
SK_INLINE size_t SK_P(tap_sources)(const sk_input_gradient *g, size_t tap, size_t begin, size_t count,
                                   int all, SK_P(sources) *s) {
  const sk_window *w = &g->window;
  const int32_t ky = (int32_t)(tap / (size_t)w->kernel_width), kx = (int32_t)(tap % (size_t)w->kernel_width);
  const size_t in_pixels = (size_t)w->in_height * (size_t)w->in_width;
  const size_t out_pixels = (size_t)w->out_height * (size_t)w->out_width;
  size_t image = begin / in_pixels, found = 0;
  int32_t y = (int32_t)(begin % in_pixels / (size_t)w->in_width), x = (int32_t)(begin % (size_t)w->in_width);
  for (size_t p = 0; p < count; ++p) {
    const int32_t up = y + w->pad_top - ky, left = x + w->pad_left - kx;
    int inside = up >= 0 && left >= 0;
    int32_t out_y = up, out_x = left;
    if (w->stride_height != 1 || w->stride_width != 1) {
      inside = inside && up % w->stride_height == 0 && left % w->stride_width == 0;
      out_y = up / w->stride_height;
      out_x = left / w->stride_width;
    }
    inside = inside && out_y < w->out_height && out_x < w->out_width;
    if (inside || all) {
      const size_t row = inside ? image * out_pixels + (size_t)out_y * (size_t)w->out_width + (size_t)out_x : 0;
      SK_P(input_rows) *tile = s->tiles + found / SK_GRADIENT_ROWS;
      const size_t r = found++ % SK_GRADIENT_ROWS;
      tile->at[r] = inside ? (const char *)g->dy + row * g->row_bytes : (const char *)g->zeros;
      tile->pixels[r] = (uint16_t)p;
#if SK_STEP == 4
      tile->scales[r] = inside ? g->scales[row] : 0;
      tile->sums[r] = inside ? g->sums[row] : 0;
#endif
    }
    if (++x == w->in_width) {
      x = 0;
      if (++y == w->in_height) y = 0, ++image;
    }
  }
  for (size_t p = found; p % SK_GRADIENT_ROWS != 0; ++p) {
    SK_P(input_rows) *tile = s->tiles + p / SK_GRADIENT_ROWS;
    tile->at[p % SK_GRADIENT_ROWS] = (const char *)g->zeros;
    tile->pixels[p % SK_GRADIENT_ROWS] = SK_GRADIENT_PIXELS;
    tile->scales[p % SK_GRADIENT_ROWS] = 0;
    tile->sums[p % SK_GRADIENT_ROWS] = 0;
  }
  return found;
}

// A column block's weights under a tap, filters from `first` steps on.
SK_INLINE void SK_P(expand_weights)(const sk_input_gradient *g, const SK_P(level_table) *table, size_t tap,
                                    size_t column, int width, size_t first, size_t steps, uint32_t *panel) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  for (size_t s = 0; s < steps; ++s) {
    for (int v = 0; v < width; ++v, panel += SK_LANES) {
      SK_P(places) places;
      for (size_t e = 0; e < SK_STEP; ++e) {
        const size_t f = (first + s) * SK_STEP + e;
        const uint16_t *bits = (const uint16_t *)(g->weights + (f * taps + tap) * g->words);
        places.plane[e] = f < g->filters ? bits + column + (size_t)v : 0;
      }
      const sk_u32 word = SK_P(expand)(table, places, 0, 1, 0);
      memcpy(panel, &word, sizeof word);
    }
  }
}

// To what follows along the filters; a row's sum was taken off once.
SK_INLINE void SK_P(advance_rows)(SK_P(input_rows) *rows, size_t steps) {
  for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    rows->at[r] += steps * 4;
    rows->sums[r] = 0;
  }
}

static void SK_P(input_gradient)(const sk_input_gradient *g, size_t begin, size_t end, void *scratch) {
  const float levels[2] = {SK_STEP == 4 ? 0 : -1, SK_STEP == 4 ? 2 : 1};
  const SK_P(level_table) table = SK_P(table_of)(levels, 1, 1);
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES;
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t all_steps = g->filters / SK_STEP, depth = SK_GRADIENT_DEPTH;
  const uint32_t odd = g->filters % SK_STEP;
  const int whole = taps == 1 && all_steps <= depth && odd == 0;
  SK_P(sources) *sources = scratch;
  uint32_t *panel = (uint32_t *)((char *)scratch + (sizeof *sources + 63) / 64 * 64);
  sk_f32 *kept = (sk_f32 *)(panel + depth * SK_GRADIENT_VECTORS * SK_LANES);
  for (; begin < end; begin += SK_GRADIENT_PIXELS) {
    const size_t count = end - begin < SK_GRADIENT_PIXELS ? end - begin : SK_GRADIENT_PIXELS;
    size_t tiles = 0;
    for (size_t column = 0; column < columns;) {
      const size_t left = columns - column, blocks = (left + SK_GRADIENT_VECTORS - 1) / SK_GRADIENT_VECTORS;
      const int width = (int)((left + blocks - 1) / blocks);
      if (!whole) memset(kept, 0, count * (size_t)width * sizeof(sk_f32));
      for (size_t tap = 0; tap < taps; ++tap) {
        if (!whole || column == 0) {
          const size_t rows = SK_P(tap_sources)(g, tap, begin, count, whole, sources);
          tiles = (rows + SK_GRADIENT_ROWS - 1) / SK_GRADIENT_ROWS;
        }
        if (tiles == 0) continue;
        for (size_t first = 0; first < all_steps; first += depth) {
          const size_t steps = all_steps - first < depth ? all_steps - first : depth;
          SK_P(expand_weights)(g, &table, tap, column, width, first, steps, panel);
          for (size_t tile = 0; tile < tiles; ++tile) {
            SK_P(input_rows) *rows = sources->tiles + tile;
            if (whole) {
#define SK_CALL(VECTORS)                                                                                          \
  SK_P(whole_input_tile)(VECTORS, g, begin + tile * SK_GRADIENT_ROWS, begin + count, column, panel, rows, steps)
              SK_EACH_WIDTH(SK_CALL)
#undef SK_CALL
              continue;
            }
#define SK_CALL(VECTORS) SK_P(input_tile)(VECTORS, kept, panel, rows, steps)
            SK_EACH_WIDTH(SK_CALL)
#undef SK_CALL
            SK_P(advance_rows)(rows, steps);
          }
        }
        if (odd) {
          // The last filters fill a word in part; what lies behind them must not count, not even times 0.
          uint32_t words[SK_GRADIENT_PIXELS];
          SK_P(expand_weights)(g, &table, tap, column, width, all_steps, 1, panel);
          for (size_t tile = 0; tile < tiles; ++tile) {
            SK_P(input_rows) *rows = sources->tiles + tile;
            for (size_t r = 0; r < SK_GRADIENT_ROWS; ++r) {
              uint32_t *word = words + tile * SK_GRADIENT_ROWS + r;
              *word = 0;
              memcpy(word, rows->at[r], odd * (4 / SK_STEP));
              rows->at[r] = (const char *)word;
            }
#define SK_CALL(VECTORS) SK_P(input_tile)(VECTORS, kept, panel, rows, 1)
            SK_EACH_WIDTH(SK_CALL)
#undef SK_CALL
          }
        }
      }
      for (size_t p = 0; p < count && !whole; ++p) {
        for (int v = 0; v < width; ++v) {
          SK_NAME(store_masked)(g, begin + p, column + (size_t)v, kept + p * (size_t)width + v);
        }
      }
      column += (size_t)width;
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// dX by AMX. The weights' signs are expanded once, for all tasks: the panel is [tap][column][block][16 words]
// [16 lanes], a block being 16 words of filters. Rows of dY are copied tap by tap, [64 pixels][block][pixel][64 bytes],
// 0 where a tap leads outside. Integers are those of input_gradient.h, signs being 0 and 2 and the row's sum taken off
// once, and get their row's scale when they do there: tap by tap, and after as many filters.

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

static size_t SK_P(input_panel_bytes)(const sk_input_gradient *g) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  return taps * SK_P(input_blocks)(g->filters) * ((g->channels + SK_LANES - 1) / SK_LANES) * SK_TILE_BYTES;
}

// Taps [begin, end).
static void SK_P(input_panel)(const sk_input_gradient *g, size_t begin, size_t end, void *panel) {
  const float levels[2] = {SK_STEP == 4 ? 0 : -1, SK_STEP == 4 ? 2 : 1};
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

// Where a call keeps what it works on.
typedef struct SK_P(input_workspace) {
  char *rows;       // of dY
  sk_f32 *kept;     // [pixel][column]
  SK_SUM *sums;     // of 64 pixels
  float scales[SK_GRADIENT_PIXELS];
  int32_t row_sums[SK_GRADIENT_PIXELS];
  uint8_t used[SK_GRADIENT_PIXELS / 64];  // whether the tap leads 64 pixels anywhere
} SK_P(input_workspace);

// Copies `count` rows of dY that follow each other to pixels from `p` on, or zeros where `row` is negative.
SK_INLINE void SK_P(put_rows)(const sk_input_gradient *g, SK_P(input_workspace) *space, size_t height, size_t p,
                              size_t count, ptrdiff_t row) {
  const size_t blocks = SK_P(input_blocks)(g->filters);
  const char *from = (const char *)g->dy + (row < 0 ? 0 : (size_t)row) * g->row_bytes;
  for (size_t end = p + count; p < end; ++p, from += g->row_bytes) {
    const size_t group = p / 64 * 64, step = (height - group < 64 ? height - group : 64) * 64;
    char *to = space->rows + group * blocks * 64 + p % 64 * 64;
#if SK_STEP == 4
    space->scales[p] = row < 0 ? 0 : g->scales[row];
    space->row_sums[p] = row < 0 ? 0 : g->sums[row];
#endif
    if (row < 0) {
      for (size_t block = 0; block < blocks; ++block, to += step) _mm512_storeu_si512(to, _mm512_setzero_si512());
      continue;
    }
    space->used[p / 64] = 1;
    ++row;
    for (size_t first = 0; first < g->filters;) {
      const size_t depth = SK_P(depth_from)(g->filters, first), bytes = depth * (4 / SK_STEP);
      const char *piece = from + first * (4 / SK_STEP);
      for (size_t done = 0; done < bytes; done += 64, to += step) {
        const __mmask64 mask = bytes - done >= 64 ? ~0ull : (1ull << (bytes - done)) - 1;
        _mm512_storeu_si512(to, _mm512_maskz_loadu_epi8(mask, piece + done));
      }
      first += depth;
    }
  }
}

// Copies the rows that a tap leads to, run by run of those that follow each other.
SK_INLINE void SK_P(copy_rows)(const sk_input_gradient *g, size_t tap, size_t begin, size_t count,
                               SK_P(input_workspace) *space) {
  const sk_window *w = &g->window;
  const size_t height = (count + 15) / 16 * 16, in_pixels = (size_t)w->in_height * (size_t)w->in_width;
  const ptrdiff_t out_pixels = (ptrdiff_t)w->out_height * w->out_width;
  const int32_t ky = (int32_t)tap / w->kernel_width, kx = (int32_t)tap % w->kernel_width;
  const int is_dense = w->stride_height == 1 && w->stride_width == 1;
  memset(space->used, 0, sizeof space->used);
  ptrdiff_t image = (ptrdiff_t)(begin / in_pixels);
  int32_t y = (int32_t)(begin % in_pixels / (size_t)w->in_width), x = (int32_t)(begin % (size_t)w->in_width);
  for (size_t p = 0; p < count;) {
    const size_t rest = (size_t)(w->in_width - x), line = rest < count - p ? rest : count - p;
    const size_t length = is_dense ? line : 1;
    const int32_t up = y + w->pad_top - ky, left = x + w->pad_left - kx;
    const int32_t out_y = up / w->stride_height, out_x = left / w->stride_width;
    const int lies_on = up >= 0 && up % w->stride_height == 0 && out_y < w->out_height &&
                        (is_dense || (left >= 0 && left % w->stride_width == 0 && out_x < w->out_width));
    // Pixels [first, last) of the run are inside.
    const int32_t runs_on = w->out_width - left;
    size_t first = 0, last = lies_on ? 1 : 0;
    if (lies_on && is_dense) {
      first = left >= 0 ? 0 : (size_t)-left < length ? (size_t)-left : length;
      last = runs_on <= 0 ? 0 : (size_t)runs_on < length ? (size_t)runs_on : length;
      if (last < first) last = first;
    }
    SK_P(put_rows)(g, space, height, p, first, -1);
    if (first < last) {
      const ptrdiff_t line = image * out_pixels + (ptrdiff_t)out_y * w->out_width;
      const ptrdiff_t row = line + (is_dense ? left + (ptrdiff_t)first : out_x);
      SK_P(put_rows)(g, space, height, p + first, last - first, row);
    }
    SK_P(put_rows)(g, space, height, p + last, length - last, -1);
    p += length;
    x += (int32_t)length;
    if (x == w->in_width) {
      x = 0;
      if (++y == w->in_height) y = 0, ++image;
    }
  }
  SK_P(put_rows)(g, space, height, count, height - count, -1);
}

#if SK_STEP == 4
// Integer sums of `pixels` pixels as floats: written over the integers where there is no other tap, else added to
// what is kept. The first filters of a tap take the row's sum off.
SK_INLINE void SK_P(scale_sums)(const SK_P(input_workspace) *space, size_t pixel, size_t pixels, size_t column,
                                size_t columns, int takes_row_sum, int in_place) {
  for (size_t p = 0; p < pixels; ++p) {
    const sk_i32 all = space->sums[p] - (takes_row_sum ? space->row_sums[pixel + p] : 0);
    const sk_f32 sum = __builtin_convertvector(all, sk_f32);
    sk_f32 *to = in_place ? (sk_f32 *)space->sums + p : space->kept + (pixel + p) * columns + column;
    *to = SK_FMA((sk_f32)space->scales[pixel + p], sum, in_place ? (sk_f32)0 : *to);
  }
}
#endif

// What a tap adds to up to 64 pixels from `pixel` on, in all columns.
SK_INLINE void SK_P(add_tap)(const sk_input_gradient *g, const SK_P(input_workspace) *space, const char *panel,
                             size_t pixel, size_t begin, size_t count, int whole) {
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES, all = SK_P(input_blocks)(g->filters);
  const size_t left = (count + 15) / 16 * 16 - pixel, tall = left < 64 ? left / 16 : 4;
  const size_t pixels = count - pixel < 64 ? count - pixel : 64;
  SK_NAME(tile_operands) o = {.left_step = tall * SK_TILE_BYTES,
                              .left_tile = SK_TILE_BYTES,
                              .right_step = SK_TILE_BYTES,
                              .right_row = 64};
  size_t before = 0;
  for (size_t first = 0; first < g->filters;) {
    const size_t depth = SK_P(depth_from)(g->filters, first);
    o.blocks = SK_P(depth_blocks)(depth);
    o.left = space->rows + pixel * all * 64 + before * o.left_step;
    o.right = panel + before * o.right_step;
    for (size_t column = 0; column < columns; ++column, o.right += all * SK_TILE_BYTES) {
      if (SK_STEP == 4 || whole) {
#define SK_CALL(tiles)                 \
  SK_NAME(zero_sums)();                \
  SK_ADD_TALL(SK_TILE_DOT, tiles, o);  \
  SK_STORE_SUMS(tiles, space->sums, 64, SK_TILE_BYTES)
        SK_EACH_TILE_COUNT(tall, SK_CALL)
#undef SK_CALL
#if SK_STEP == 4
        // Constants, for a loop without branches.
        if (whole) {
          SK_P(scale_sums)(space, pixel, pixels, column, columns, 1, 1);
        } else if (first == 0) {
          SK_P(scale_sums)(space, pixel, pixels, column, columns, 1, 0);
        } else {
          SK_P(scale_sums)(space, pixel, pixels, column, columns, 0, 0);
        }
#endif
        if (whole) {
          const sk_f32 *values = (const sk_f32 *)space->sums;
          SK_NAME(store_masked_pixels)(g, begin + pixel, pixels, column, column + 1, values, 1);
        }
      } else {
        sk_f32 *kept = space->kept + pixel * columns + column;
#define SK_CALL(tiles)                                          \
  SK_LOAD_SUMS(tiles, kept, columns * 64, 16 * columns * 64);   \
  SK_ADD_TALL(SK_TILE_DOT, tiles, o);                           \
  SK_STORE_SUMS(tiles, kept, columns * 64, 16 * columns * 64)
        SK_EACH_TILE_COUNT(tall, SK_CALL)
#undef SK_CALL
      }
    }
    before += o.blocks;
    first += depth;
  }
}

static void SK_P(input_gradient)(const sk_input_gradient *g, size_t begin, size_t end, void *scratch) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES, blocks = SK_P(input_blocks)(g->filters);
  const int whole = taps == 1 && SK_P(depth_from)(g->filters, 0) == g->filters;
  SK_P(input_workspace) space = {.rows = scratch};
  space.kept = (sk_f32 *)(space.rows + blocks * SK_GRADIENT_PIXELS * 64);
  space.sums = (SK_SUM *)(space.kept + SK_GRADIENT_PIXELS * columns);
  SK_NAME(begin_tiles)();
  for (; begin < end; begin += SK_GRADIENT_PIXELS) {
    const size_t count = end - begin < SK_GRADIENT_PIXELS ? end - begin : SK_GRADIENT_PIXELS;
    if (!whole) memset(space.kept, 0, (count + 15) / 16 * 16 * columns * sizeof *space.kept);
    for (size_t tap = 0; tap < taps; ++tap) {
      SK_P(copy_rows)(g, tap, begin, count, &space);
      const char *panel = (const char *)g->panel + tap * blocks * columns * SK_TILE_BYTES;
      for (size_t pixel = 0; pixel < count; pixel += 64) {
        if (whole || space.used[pixel / 64]) SK_P(add_tap)(g, &space, panel, pixel, begin, count, whole);
      }
    }
    if (!whole) SK_NAME(store_masked_pixels)(g, begin, count, 0, columns, space.kept, columns);
  }
  SK_NAME(end_tiles)();
}
#undef SK_INPUT_DEPTH

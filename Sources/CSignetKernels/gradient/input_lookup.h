// SPDX-License-Identifier: Apache-2.0
//
// dX by lookup: 6 rows of dY become tables, which serve every tap and channel; what they add up to is scattered onto
// the input pixels. Rows go from the last to the first, so that a pixel gets its taps in the order of input_gradient.h.
//
// Included once for each kind of table, with SK_L, SK_L_LANES channels a vector, and the functions
// SK_L(pays): whether this is the faster way,
// SK_L(depth): groups of filters,
// SK_L(index_column): makes them,
// SK_L(pass): groups that are looked up under all taps before the next ones, so that their tables stay in the cache,
// SK_L(input_tables): the tables of a row,
// SK_L(input_sums): adds a tile to what is kept.

// Vectors of channels, and the blocks of up to 3 that share the loads of a table.
SK_INLINE size_t SK_L(vectors)(const sk_input_gradient *g) { return (g->channels + SK_L_LANES - 1) / SK_L_LANES; }
SK_INLINE size_t SK_L(blocks)(size_t vectors) { return (vectors + 2) / 3; }

static size_t SK_L(input_panel_bytes)(const sk_input_gradient *g) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width, vectors = SK_L(vectors)(g);
  return SK_L(pays)(g, taps * vectors) ? taps * vectors * SK_L(depth)(g->filters) * 64 : 0;
}

// Indices of taps [begin, end): [tap][block][depth][vector].
static void SK_L(input_panel)(const sk_input_gradient *g, size_t begin, size_t end, void *panel) {
  const size_t vectors = SK_L(vectors)(g), blocks = SK_L(blocks)(vectors), depth = SK_L(depth)(g->filters);
  for (size_t tap = begin; tap < end; ++tap) {
    for (size_t b = 0; b < blocks; ++b) {
      const size_t from = vectors * b / blocks, to = vectors * (b + 1) / blocks;
      __m512i *block = (__m512i *)panel + (tap * vectors + from) * depth;
      for (size_t v = from; v < to; ++v) SK_L(index_column)(g, tap, v, block + (v - from), to - from);
    }
  }
}

// Output rows of a tile: where their windows begin, and the pixel there, counted from the first one kept.
typedef struct SK_L(tile_rows) {
  uint32_t y[SK_LOOKUP_ROWS], x[SK_LOOKUP_ROWS];
  int64_t pixel[SK_LOOKUP_ROWS];
  size_t row[SK_LOOKUP_ROWS];
  int count;
} SK_L(tile_rows);

SK_INLINE SK_L(tile_rows) SK_L(rows_at)(const sk_window *w, size_t first, size_t count, size_t begin) {
  SK_L(tile_rows) rows = {.count = (int)count};
  SK_NAME(cursor) at = SK_NAME(cursor_at)(w, first);
  for (size_t r = 0; r < count; ++r, SK_NAME(advance)(w, &at)) {
    const int32_t y = at.y * w->stride_height - w->pad_top, x = at.x * w->stride_width - w->pad_left;
    rows.row[r] = first + r;
    rows.y[r] = (uint32_t)y;
    rows.x[r] = (uint32_t)x;
    rows.pixel[r] = ((int64_t)at.image * w->in_height + y) * w->in_width + x - (int64_t)begin;
  }
  // Windows of rows that aren't there lie outside.
  for (size_t r = count; r < SK_LOOKUP_ROWS; ++r) rows.row[r] = first, rows.y[r] = 0x80000000u;
  return rows;
}

// Where a tap of each row leads among `count` pixels, `count` for nowhere; returns whether one leads anywhere.
SK_INLINE int SK_L(targets)(const sk_window *w, const SK_L(tile_rows) *rows, uint32_t ky, uint32_t kx, size_t count,
                            size_t *targets) {
  const int64_t offset = (int64_t)ky * w->in_width + kx;
  int any = 0;
  for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
    const int inside = rows->y[r] + ky < (uint32_t)w->in_height && rows->x[r] + kx < (uint32_t)w->in_width;
    const size_t pixel = (size_t)(rows->pixel[r] + offset);
    const int here = inside && pixel < count;
    targets[r] = here ? pixel : count;
    any |= here;
  }
  return any;
}

// The output rows of pixels [begin, end) of the input.
SK_INLINE void SK_L(rows_of)(const sk_window *w, size_t begin, size_t end, size_t *first, size_t *last) {
  const size_t in_pixels = (size_t)w->in_height * (size_t)w->in_width;
  const size_t out_pixels = (size_t)w->out_height * (size_t)w->out_width;
  const int32_t top = (int32_t)(begin % in_pixels / (size_t)w->in_width) + w->pad_top - w->kernel_height + 1;
  const int32_t bottom = ((int32_t)((end - 1) % in_pixels / (size_t)w->in_width) + w->pad_top) / w->stride_height;
  const int32_t from = top <= 0 ? 0 : (top + w->stride_height - 1) / w->stride_height;
  const int32_t lines = w->out_height;
  *first = begin / in_pixels * out_pixels + (size_t)(from < lines ? from : lines) * (size_t)w->out_width;
  *last = (end - 1) / in_pixels * out_pixels + (size_t)(bottom < lines ? bottom + 1 : lines) * (size_t)w->out_width;
}

// A tile under one tap, for a block of vectors.
typedef struct SK_L(lookup) {
  const __m512i *tables;  // [row][stride]
  size_t stride;
  const __m512i *indices;
  size_t groups;
  SK_L_KEPT *between;  // what the passes before this one add up to
  int is_first, is_last;
  sk_f32 *to[SK_LOOKUP_ROWS];
} SK_L(lookup);

SK_INLINE void SK_L(input_sums)(int vectors, const sk_input_gradient *g, const SK_L(tile_rows) *rows,
                                const SK_L(lookup) *l);

// Where a call keeps what it works on.
typedef struct SK_L(workspace) {
  __m512i *tables;     // of a tile's rows
  sk_f32 *kept;        // of the pixels, and of nowhere
  SK_L_KEPT *between;  // [tap][block]
  void *row;
} SK_L(workspace);

// All taps of a tile's rows, onto `count` pixels from `begin` on.
static void SK_L(input_tile)(const sk_input_gradient *g, const SK_L(tile_rows) *rows, size_t count,
                             const SK_L(workspace) *space) {
  const sk_window *w = &g->window;
  const size_t taps = (size_t)w->kernel_height * (size_t)w->kernel_width, vectors = SK_L(vectors)(g);
  const size_t blocks = SK_L(blocks)(vectors), groups = SK_L(depth)(g->filters), pass = SK_L(pass)(g->filters);
  int made = 0;
  for (size_t begin = 0; begin < groups; begin += pass) {
    const int is_last = begin + pass >= groups;
    SK_L(lookup) l = {.tables = space->tables + begin,
                      .stride = groups,
                      .groups = is_last ? groups - begin : pass,
                      .is_first = begin == 0,
                      .is_last = is_last};
    for (size_t tap = 0; tap < taps; ++tap) {
      size_t targets[SK_LOOKUP_ROWS];
      const uint32_t ky = (uint32_t)tap / (uint32_t)w->kernel_width, kx = (uint32_t)tap % (uint32_t)w->kernel_width;
      if (!SK_L(targets)(w, rows, ky, kx, count, targets)) continue;
      for (int r = 0; r < rows->count && !made; ++r) {
        SK_L(input_tables)(g, rows->row[r], space->row, space->tables + (size_t)r * groups);
      }
      made = 1;
      for (size_t b = 0; b < blocks; ++b) {
        const size_t from = vectors * b / blocks, width = vectors * (b + 1) / blocks - from;
        l.indices = (const __m512i *)g->panel + (tap * vectors + from) * groups + begin * width;
        l.between = space->between + tap * blocks + b;
        for (int r = 0; r < SK_LOOKUP_ROWS; ++r) {
          l.to[r] = space->kept + (targets[r] * vectors + from) * (SK_L_LANES / SK_LANES);
        }
        switch (width) {
          case 1: SK_L(input_sums)(1, g, rows, &l); break;
          case 2: SK_L(input_sums)(2, g, rows, &l); break;
          default: SK_L(input_sums)(3, g, rows, &l); break;
        }
      }
    }
  }
}

static void SK_L(input_gradient)(const sk_input_gradient *g, size_t begin, size_t end, void *scratch) {
  const sk_window *w = &g->window;
  const size_t taps = (size_t)w->kernel_height * (size_t)w->kernel_width, vectors = SK_L(vectors)(g);
  const size_t groups = SK_L(depth)(g->filters), pass = SK_L(pass)(g->filters);
  const size_t columns = (g->channels + SK_LANES - 1) / SK_LANES, kept_columns = vectors * (SK_L_LANES / SK_LANES);
  SK_L(workspace) space = {.tables = scratch};
  space.kept = (sk_f32 *)(space.tables + SK_LOOKUP_ROWS * groups);
  space.between = (SK_L_KEPT *)(space.kept + (SK_LOOKUP_PIXELS + 1) * kept_columns);
  space.row = space.between + (pass < groups ? taps * SK_L(blocks)(vectors) : 0);
  for (; begin < end; begin += SK_LOOKUP_PIXELS) {
    const size_t count = end - begin < SK_LOOKUP_PIXELS ? end - begin : SK_LOOKUP_PIXELS;
    memset(space.kept, 0, count * kept_columns * sizeof *space.kept);
    size_t first, last;
    SK_L(rows_of)(w, begin, begin + count, &first, &last);
    while (last > first) {
      const size_t height = last - first < SK_LOOKUP_ROWS ? last - first : SK_LOOKUP_ROWS;
      last -= height;
      const SK_L(tile_rows) rows = SK_L(rows_at)(w, last, height, begin);
      SK_L(input_tile)(g, &rows, count, &space);
    }
    for (size_t p = 0; p < count; ++p) {
      for (size_t column = 0; column < columns; ++column) {
        SK_NAME(store_masked)(g, begin + p, column, space.kept + p * kept_columns + column);
      }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// dW by lookup, from the bits of one plane: rows of dY become tables, a tile of filters at a time, which all columns of
// a pass use. A place outside the image looks up -dY, as a bit of 0 does; what that lacks is added up by itself.
//
// Included once for each kind of table, with SK_L, SK_L_LANES channels a vector, SK_L_ROWS rows a table, SK_L_STEP rows
// a word of dY, SK_L_KEPT (a vector's sums) and SK_L_MISSED (16 sums of dY, of SK_L_SCALAR).

// Rows whose tables stay in the first-level cache.
#define SK_L_CHUNK (SK_LOOKUP_GROUPS * SK_L_ROWS)

// Columns of a pass that share a vector: one of 16 channels, or two of 32.
typedef struct SK_L(column) {
  size_t tap, half, halves;
} SK_L(column);

// Whether it is the faster way.
SK_INLINE int SK_L(weight_pays)(const sk_weight_gradient *g);
// Indices of a group of rows; null for a row outside.
SK_INLINE __m512i SK_L(weight_indices)(const void *const *rows, const SK_L(column) *column);
// Tables of a tile of filters, [row of the tile][SK_LOOKUP_GROUPS], for groups of rows from `begin` on.
SK_INLINE void SK_L(weight_tables)(const sk_weight_gradient *g, size_t tile, size_t begin, size_t groups,
                                   __m512i *tables);
// Adds a tile to what is kept, [row of the tile][vector].
SK_INLINE void SK_L(weight_sums)(int vectors, SK_L_KEPT *kept, const __m512i *tables, const __m512i *indices,
                                 size_t groups);
// 16 filters of a row of dY, from their words.
SK_INLINE SK_L_MISSED SK_L(missed_row)(const uint32_t *words, size_t row);
// What the sums of filter f amount to.
SK_INLINE void SK_L(weights_of)(const sk_weight_gradient *g, size_t f, const SK_L_KEPT *kept, SK_L_SCALAR missed,
                                sk_f32 *values);

// Columns and filters that go over all rows together.
typedef struct SK_L(weight_pass) {
  SK_L(column) vectors[SK_LOOKUP_VECTORS];
  size_t count, blocks, first_tap;
  size_t first_tile, end_tile, first_block;
  const void **rows;     // of a chunk: the bits under a tap
  __m512i *indices;      // [block][group][vector]
  __m512i *tables;       // [row of a tile][SK_LOOKUP_GROUPS]
  SK_L_KEPT *sums;       // [tile][block][row of a tile][vector]
  SK_L_MISSED *missed;   // [tap][SK_LOOKUP_FILTERS / 16]
} SK_L(weight_pass);

// Whether few enough rows of every tap lie outside for what they miss to be taken off again.
SK_INLINE int SK_L(is_inside)(int32_t size, int32_t out, int32_t kernel, int32_t stride, int32_t pad) {
  const int32_t before = (pad + stride - 1) / stride, limit = size + pad - kernel + 1;
  const int32_t first_behind = limit <= 0 ? 0 : (limit + stride - 1) / stride;
  return 4 * before <= out && 4 * (out - first_behind) <= out;
}

// Columns of a tap, and of all.
SK_INLINE size_t SK_L(channel_columns)(const sk_weight_gradient *g) { return (g->channels + SK_LANES - 1) / SK_LANES; }
SK_INLINE size_t SK_L(columns_of)(const sk_weight_gradient *g) {
  return (size_t)g->window.kernel_height * (size_t)g->window.kernel_width * SK_L(channel_columns)(g);
}

SK_INLINE int SK_L(fits)(const sk_weight_gradient *g) {
  const sk_window *w = &g->window;
  return g->bits && g->planes == 1 && g->levels[0] == -1 && g->levels[1] == 1 &&
         SK_L(is_inside)(w->in_height, w->out_height, w->kernel_height, w->stride_height, w->pad_top) &&
         SK_L(is_inside)(w->in_width, w->out_width, w->kernel_width, w->stride_width, w->pad_left) &&
         SK_L(weight_pays)(g);
}

// Adds a row of dY that a tap misses.
static void SK_L(miss)(const sk_weight_gradient *g, const SK_L(weight_pass) *p, size_t tap, size_t row) {
  const size_t steps = (g->rows + 3) / 4 * 4 / SK_L_STEP, vectors = SK_GRADIENT_FILTERS / SK_LANES;
  const size_t end_block = (p->end_tile + SK_GRADIENT_TILES - 1) / SK_GRADIENT_TILES;
  SK_L_MISSED *missed = p->missed + (tap - p->first_tap) * (SK_LOOKUP_FILTERS / SK_LANES);
  for (size_t block = p->first_block; block < end_block; ++block, missed += vectors) {
    const uint32_t *words = g->dy + (block * steps + row / SK_L_STEP) * SK_GRADIENT_FILTERS;
    for (size_t v = 0; v < vectors; ++v) missed[v] += SK_L(missed_row)(words + v * SK_LANES, row);
  }
}

// The indices of a chunk, and what its taps miss.
static void SK_L(weight_panel)(const sk_weight_gradient *g, const SK_L(weight_pass) *p, size_t begin, size_t count) {
  const size_t groups = (count + SK_L_ROWS - 1) / SK_L_ROWS;
  size_t known = SIZE_MAX;
  __m512i *block = p->indices;
  for (size_t b = 0; b < p->blocks; ++b) {
    const size_t from = p->count * b / p->blocks, width = p->count * (b + 1) / p->blocks - from;
    for (size_t v = 0; v < width; ++v) {
      const SK_L(column) column = p->vectors[from + v];
      if (column.tap != known) {
        known = column.tap;
        SK_NAME(tap_rows_bfloat16)(g, known, begin, count, p->rows);
        for (size_t r = 0; r < count; ++r) {
          if (!p->rows[r]) SK_L(miss)(g, p, known, begin + r);
        }
        // Behind the last row dY is 0.
        for (size_t r = count; r < groups * SK_L_ROWS; ++r) p->rows[r] = 0;
      }
      for (size_t group = 0; group < groups; ++group) {
        block[group * width + v] = SK_L(weight_indices)(p->rows + group * SK_L_ROWS, &column);
      }
    }
    block += groups * width;
  }
}

static void SK_L(weight_chunk)(const sk_weight_gradient *g, const SK_L(weight_pass) *p, size_t begin, size_t count) {
  const size_t groups = (count + SK_L_ROWS - 1) / SK_L_ROWS;
  SK_L(weight_panel)(g, p, begin, count);
  SK_L_KEPT *kept = p->sums;
  for (size_t tile = p->first_tile; tile < p->end_tile; ++tile) {
    SK_L(weight_tables)(g, tile, begin, groups, p->tables);
    const __m512i *indices = p->indices;
    for (size_t b = 0; b < p->blocks; ++b) {
      const size_t width = p->count * (b + 1) / p->blocks - p->count * b / p->blocks;
      switch (width) {
        case 1: SK_L(weight_sums)(1, kept, p->tables, indices, groups); break;
        case 2: SK_L(weight_sums)(2, kept, p->tables, indices, groups); break;
        default: SK_L(weight_sums)(3, kept, p->tables, indices, groups); break;
      }
      indices += groups * width;
      kept += SK_LOOKUP_ROWS * width;
    }
  }
}

static void SK_L(finish_pass)(const sk_weight_gradient *g, const SK_L(weight_pass) *p) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  const SK_L_KEPT *kept = p->sums;
  for (size_t tile = p->first_tile; tile < p->end_tile; ++tile) {
    for (size_t b = 0; b < p->blocks; ++b) {
      const size_t from = p->count * b / p->blocks, width = p->count * (b + 1) / p->blocks - from;
      for (size_t r = 0; r < SK_LOOKUP_ROWS; ++r) {
        const size_t f = tile * SK_GRADIENT_ROWS + r;
        for (size_t v = 0; v < width; ++v, ++kept) {
          if (f >= g->filters) continue;
          const SK_L(column) column = p->vectors[from + v];
          const size_t place = f - p->first_block * SK_GRADIENT_FILTERS;
          const SK_L_MISSED *missed = p->missed + (column.tap - p->first_tap) * (SK_LOOKUP_FILTERS / SK_LANES);
          sk_f32 values[SK_L_LANES / SK_LANES];
          SK_L(weights_of)(g, f, kept, missed[place / SK_LANES][place % SK_LANES], values);
          float *to = g->dw + (f * taps + column.tap) * g->channels;
          for (size_t half = 0; half < column.halves; ++half) {
            const size_t c = (column.half + half) * SK_LANES;
            const size_t at = (column.half + half) % (SK_L_LANES / SK_LANES);
            SK_NAME(store_lanes)(to + c, values + at, SK_NAME(lanes_left)(g->channels, c));
          }
        }
      }
    }
  }
}

// The vector that begins with a column, of those up to `end`.
SK_INLINE SK_L(column) SK_L(vector_at)(size_t tap_columns, size_t begin, size_t end) {
  SK_L(column) column = {begin / tap_columns, begin % tap_columns, 1};
  const int is_pair = column.half % 2 == 0 && column.half + 1 < tap_columns && begin + 1 < end;
  if (SK_L_LANES > SK_LANES && is_pair) column.halves = 2;
  return column;
}

_Static_assert(sizeof(SK_L_KEPT) * SK_LOOKUP_VECTORS * SK_LOOKUP_ROWS * SK_LOOKUP_TILES <= SK_LOOKUP_WEIGHT_SUM_BYTES,
               "a pass has room for its sums");

static void SK_L(weight_gradient)(const sk_weight_gradient *g, size_t first_column, size_t end_column,
                                  size_t first_tile, size_t end_tile, void *scratch) {
  const size_t tap_columns = SK_L(channel_columns)(g), tiles = end_tile - first_tile;
  size_t vectors = 0;
  for (size_t c = first_column; c < end_column; ++vectors) c += SK_L(vector_at)(tap_columns, c, end_column).halves;
  const size_t passes = (vectors + SK_LOOKUP_VECTORS - 1) / SK_LOOKUP_VECTORS;
  const size_t slices = (tiles + SK_LOOKUP_TILES - 1) / SK_LOOKUP_TILES;
  SK_L(weight_pass) p = {.tables = scratch};
  p.indices = p.tables + SK_LOOKUP_ROWS * SK_LOOKUP_GROUPS;
  p.sums = (SK_L_KEPT *)(p.indices + SK_LOOKUP_GROUPS * SK_LOOKUP_VECTORS);
  p.missed = (SK_L_MISSED *)((char *)p.sums + SK_LOOKUP_WEIGHT_SUM_BYTES);
  p.rows = (const void **)(p.missed + SK_LOOKUP_VECTORS * SK_LOOKUP_FILTERS / SK_LANES);
  for (size_t slice = 0; slice < slices; ++slice) {
    p.first_tile = first_tile + tiles * slice / slices;
    p.end_tile = first_tile + tiles * (slice + 1) / slices;
    p.first_block = p.first_tile / SK_GRADIENT_TILES;
    size_t column = first_column;
    for (size_t pass = 0; pass < passes; ++pass) {
      p.count = vectors * (pass + 1) / passes - vectors * pass / passes;
      for (size_t v = 0; v < p.count; ++v) {
        p.vectors[v] = SK_L(vector_at)(tap_columns, column, end_column);
        column += p.vectors[v].halves;
      }
      p.blocks = (p.count + 2) / 3;
      p.first_tap = p.vectors[0].tap;
      memset(p.sums, 0, (p.end_tile - p.first_tile) * SK_LOOKUP_ROWS * p.count * sizeof *p.sums);
      memset(p.missed, 0, SK_LOOKUP_VECTORS * SK_LOOKUP_FILTERS * 4);
      for (size_t begin = 0; begin < g->rows; begin += SK_L_CHUNK) {
        SK_L(weight_chunk)(g, &p, begin, g->rows - begin < SK_L_CHUNK ? g->rows - begin : SK_L_CHUNK);
      }
      SK_L(finish_pass)(g, &p);
    }
  }
}

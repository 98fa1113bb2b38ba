// SPDX-License-Identifier: Apache-2.0
//
// A chunk of rows of dW by AMX: tiles of filters times the expanded columns of a block; sums lie between chunks where
// weight_gradient.h keeps them, [filter][width][16]. A chunk's rows are those that pack_tiles.h lays together.

// The filters of a task from a whole tile on, and how many of them are somebody else's.
SK_INLINE size_t SK_P(lead_rows)(size_t first_tile) { return first_tile * SK_GRADIENT_ROWS % 16; }
SK_INLINE size_t SK_P(sum_rows)(size_t first_tile, size_t end_tile) {
  return ((end_tile - first_tile) * SK_GRADIENT_ROWS + SK_P(lead_rows)(first_tile) + 15) / 16 * 16;
}

SK_INLINE void SK_P(weight_tiles)(const sk_weight_gradient *g, int width, uint32_t *panel, size_t begin, size_t count,
                                  size_t first_tile, size_t end_tile, SK_SUM *sums) {
  const size_t all = (g->filters + SK_GRADIENT_FILTERS - 1) / SK_GRADIENT_FILTERS * SK_GRADIENT_FILTERS;
  const size_t steps = (count + SK_STEP - 1) / SK_STEP, blocks = (steps + 15) / 16, row = (size_t)width * 64;
  // Whatever times 0 must be 0.
  memset((char *)panel + steps * row, 0, (blocks * 16 - steps) * row);
  const size_t first = first_tile * SK_GRADIENT_ROWS - SK_P(lead_rows)(first_tile);
  const size_t filters = SK_P(sum_rows)(first_tile, end_tile);
  const size_t height = 16 * SK_STEP, all_blocks = (g->rows + height - 1) / height;
  const size_t place = SK_NAME(tile_place)(begin / height, all_blocks, first, all);
  // Two columns by two tiles of filters at a time.
  for (int v = 0; v < width; v += 2) {
    const int columns = v + 1 < width ? 2 : 1;
    SK_NAME(tile_operands) o = {.left = (const char *)(g->dy + place),
                                .left_row = 64,
                                .left_step = SK_TILE_BYTES,
                                .left_tile = blocks * SK_TILE_BYTES,
                                .right = (const char *)panel + v * 64,
                                .right_step = 16 * row,
                                .right_row = row,
                                .right_tile = 64,
                                .blocks = blocks};
    for (size_t f = 0; f < filters; f += 32, o.left += 2 * blocks * SK_TILE_BYTES) {
      char *to = (char *)(sums + f * (size_t)width + (size_t)v);
      const int tiles = f + 16 < filters ? 2 : 1;
#define SK_CALL(tall, wide)                             \
  SK_LOAD_SQUARE(tall, wide, to, row, 16 * row);        \
  SK_ADD_SQUARE(SK_TILE_DOT, tall, wide, o);            \
  SK_STORE_SQUARE(tall, wide, to, row, 16 * row)
      if (tiles == 2 && columns == 2) {
        SK_CALL(2, 2);
      } else if (tiles == 2) {
        SK_CALL(2, 1);
      } else if (columns == 2) {
        SK_CALL(1, 2);
      } else {
        SK_CALL(1, 1);
      }
#undef SK_CALL
    }
  }
}

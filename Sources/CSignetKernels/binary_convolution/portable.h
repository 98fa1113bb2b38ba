// SPDX-License-Identifier: Apache-2.0
//
// Binary convolution as an implicit GEMM on packed words.
//
// A tile is up to SK_ROWS rows (a row is one plane of one output pixel) by a group of blocks of 16 output channels; the
// planes of a pixel share one pass over the weights. A chunk of tiles is gathered, then each group of blocks runs
// over the chunk, so that its weights are read from the first-level cache. A lane counts at most K bits, so 32-bit
// sums can't overflow.
//
// An ISA's tile header gives binary_group, arrange_panel and peak_binary.

static void SK_NAME(binary_convolution)(const sk_binary_convolution *c, size_t begin, size_t end, size_t first_block,
                                        size_t end_block, const void **scratch) {
#if SK_VECTORS >= 4
  if (SK_NAME(run_resident)(c, begin, end, first_block, end_block)) return;
#endif
  const sk_window *w = &c->window;
  const SK_NAME(source) source = {
      .input = (const char *)c->input,
      .zeros = (const char *)c->zeros,
      .image_bytes = (size_t)w->in_height * (size_t)w->in_width * c->pixel_words * 4,
      .pixel_bytes = (size_t)c->pixel_words * 4,
      .plane_bytes = (size_t)c->plane_words * 4,
      .planes = c->planes,
      .elements = c->words,
      .joined = c->pixel_words == c->words,
  };
  const size_t taps = (size_t)w->kernel_height * (size_t)w->kernel_width, chunk = SK_NAME(chunk_tiles)(taps);
  const uint32_t tile_pixels = SK_ROWS / c->planes;
  const int pointwise = SK_NAME(pointwise)(w);
  SK_NAME(tile) tiles[SK_CHUNK];
  SK_NAME(cursor) at = SK_NAME(cursor_at)(w, begin);
  for (size_t pixel = begin; pixel < end;) {
    size_t count = 0;
    for (; count < chunk && pixel < end; ++count) {
      SK_NAME(tile) *tile = tiles + count;
      tile->rows = scratch + count * taps * SK_MAX_ROWS;
      tile->pixel = pixel;
      const uint32_t pixels = end - pixel < tile_pixels ? (uint32_t)(end - pixel) : tile_pixels;
      if (pointwise) {
        // No padding, so one border class.
        memset(tile->classes, 0, sizeof tile->classes);
        SK_NAME(gather_pointwise)(&source, pixels, tile);
      } else {
        SK_NAME(cursor) site = at;
        for (uint32_t p = 0; p < pixels; ++p, SK_NAME(advance)(w, &site)) {
          tile->classes[p] = (uint16_t)(c->row_class[site.y] * c->column_classes + c->column_class[site.x]);
        }
        SK_NAME(gather)(w, &source, &at, pixels, tile);
      }
      pixel += pixels;
    }
    for (size_t block = first_block; block < end_block;) {
      block += SK_NAME(binary_group)(c, tiles, count, block, end_block - block);
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// Where the pixels of an input gradient find the rows of dY that a tap leads to.

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

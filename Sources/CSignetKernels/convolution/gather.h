// SPDX-License-Identifier: Apache-2.0
//
// Where the windows of a tile's pixels read: implicit GEMM needs pointers, not copies.
//
// A kernel row whose taps lie next to each other in memory is one run; otherwise each tap is a run of its own.
// Either way the runs' elements come in the order of the panel: taps in row-major order, then channels.

// The image that a convolution reads, in bytes.
typedef struct SK_NAME(source) {
  const char *input;
  const char *zeros;  // a row of taps that lies outside the image
  size_t image_bytes, pixel_bytes, plane_bytes;
  uint32_t planes;
  uint32_t elements;  // of one tap
  int joined;         // neighbouring pixels follow each other without a gap
} SK_NAME(source);

// Up to SK_MAX_ROWS rows (planes of neighbouring output pixels) that share one pass over the weights.
typedef struct SK_NAME(tile) {
  const void **rows;  // [run][rows of the tile]
  size_t runs;
  size_t elements;    // of a run
  size_t pixel;       // the first one
  uint32_t pixels;
  uint16_t classes[SK_MAX_ROWS];
} SK_NAME(tile);

typedef struct SK_NAME(cursor) {
  size_t image;
  int32_t y, x;
} SK_NAME(cursor);

SK_INLINE SK_NAME(cursor) SK_NAME(cursor_at)(const sk_window *w, size_t pixel) {
  const size_t plane = (size_t)w->out_height * (size_t)w->out_width, inside = pixel % plane;
  return (SK_NAME(cursor)){pixel / plane, (int32_t)(inside / (size_t)w->out_width),
                           (int32_t)(inside % (size_t)w->out_width)};
}

SK_INLINE void SK_NAME(advance)(const sk_window *w, SK_NAME(cursor) *at) {
  if (++at->x < w->out_width) return;
  at->x = 0;
  if (++at->y < w->out_height) return;
  at->y = 0;
  ++at->image;
}

// Fills a tile of `pixels` pixels from `at` on, and moves `at` behind them.
SK_INLINE void SK_NAME(gather)(const sk_window *w, const SK_NAME(source) *s, SK_NAME(cursor) *at, uint32_t pixels,
                               SK_NAME(tile) *tile) {
  const uint32_t rows = pixels * s->planes;
  int joined = s->joined;
  SK_NAME(cursor) probe = *at;
  for (uint32_t p = 0; p < pixels && joined; ++p, SK_NAME(advance)(w, &probe)) {
    const int32_t x = probe.x * w->stride_width - w->pad_left;
    joined = x >= 0 && x + w->kernel_width <= w->in_width;
  }
  const int32_t steps = joined ? 1 : w->kernel_width;
  tile->runs = (size_t)w->kernel_height * (size_t)steps;
  tile->elements = (size_t)s->elements * (size_t)(joined ? w->kernel_width : 1);
  tile->pixels = pixels;
  for (uint32_t p = 0; p < pixels; ++p, SK_NAME(advance)(w, at)) {
    const int32_t y = at->y * w->stride_height - w->pad_top, x = at->x * w->stride_width - w->pad_left;
    const char *image = s->input + at->image * s->image_bytes;
    const void **slot = tile->rows + p * s->planes;
    for (int32_t ky = 0; ky < w->kernel_height; ++ky) {
      const int inside_y = y + ky >= 0 && y + ky < w->in_height;
      for (int32_t kx = 0; kx < steps; ++kx, slot += rows) {
        const int inside = inside_y && (joined || (x + kx >= 0 && x + kx < w->in_width));
        const char *pixel =
            inside ? image + ((size_t)(y + ky) * (size_t)w->in_width + (size_t)(x + kx)) * s->pixel_bytes : s->zeros;
        for (uint32_t m = 0; m < s->planes; ++m) slot[m] = pixel + (inside ? m * s->plane_bytes : 0);
      }
    }
  }
}

// A kernel of one tap that reads every pixel: a tile is pixels in a row of the whole batch.
SK_INLINE int SK_NAME(pointwise)(const sk_window *w) {
  return w->kernel_height == 1 && w->kernel_width == 1 && w->stride_height == 1 && w->stride_width == 1 &&
         w->out_height == w->in_height && w->out_width == w->in_width;
}

SK_INLINE void SK_NAME(gather_pointwise)(const SK_NAME(source) *s, uint32_t pixels, SK_NAME(tile) *tile) {
  tile->runs = 1;
  tile->elements = s->elements;
  tile->pixels = pixels;
  const char *pixel = s->input + tile->pixel * s->pixel_bytes;
  for (uint32_t p = 0; p < pixels; ++p, pixel += s->pixel_bytes) {
    for (uint32_t m = 0; m < s->planes; ++m) tile->rows[p * s->planes + m] = pixel + m * s->plane_bytes;
  }
}

// Tiles that are gathered before the weights are read: as many as the scratch holds, so that a group of blocks
// stays in the first-level cache while they are computed.
#define SK_CHUNK 16
SK_INLINE size_t SK_NAME(chunk_tiles)(size_t taps) {
  const size_t fitting = SK_SCRATCH_POINTERS / (taps * SK_MAX_ROWS);
  return fitting < 1 ? 1 : fitting < SK_CHUNK ? fitting : SK_CHUNK;
}

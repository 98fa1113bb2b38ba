// SPDX-License-Identifier: Apache-2.0
//
// A convolution of padded images with real weights, in training: y[pixel][f] = b[f] + sum over the window of x * W[f].
//
// 6 pixels by up to SK_GRADIENT_VECTORS vectors of filters. A row of the kernel is a run of the image; its elements are
// taken SK_STEP at a time, and what a last step reads too much meets weights of 0.

#if SK_TILED
#include "convolution_tiles.h"
#else
SK_INLINE void SK_P(convolution_tile)(int vectors, const sk_convolution *g, const uint32_t *panel, size_t column,
                                      const char *const *rows, size_t pixel, size_t count) {
  const size_t steps = ((size_t)g->window.kernel_width * g->images.channels + SK_STEP - 1) / SK_STEP;
  SK_P(tile_sums) sums;
  SK_UNROLL for (int v = 0; v < vectors; ++v) {
    const size_t f = (column + (size_t)v) * SK_LANES;
    const sk_f32 bias = g->bias ? SK_NAME(load_lanes)(g->bias + f, SK_NAME(lanes_left)(g->filters, f)) : (sk_f32)0;
    SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) sums.of[r][v] = bias;
  }
  SK_P(sum_tile)(&sums, vectors, panel, rows, 4, steps, (size_t)g->window.kernel_height,
                 g->images.row * sizeof(SK_P(element)));
  SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    if ((size_t)r >= count) break;
    SK_UNROLL for (int v = 0; v < vectors; ++v) {
      const size_t f = (column + (size_t)v) * SK_LANES;
      SK_NAME(store_gradient)(g->y, g->kind, (pixel + (size_t)r) * g->pixel_stride + f, &sums.of[r][v],
                              SK_NAME(lanes_left)(g->filters, f));
    }
  }
}

// Output pixels [begin, end) of the whole batch.
static void SK_P(convolution)(const sk_convolution *g, size_t begin, size_t end, void *scratch) {
  (void)scratch;
  const sk_window *w = &g->window;
  const size_t columns = (g->filters + SK_LANES - 1) / SK_LANES;
  const size_t blocks = (columns + SK_GRADIENT_VECTORS - 1) / SK_GRADIENT_VECTORS;
  const size_t steps = ((size_t)w->kernel_width * g->images.channels + SK_STEP - 1) / SK_STEP;
  for (size_t b = 0; b < blocks; ++b) {
    const size_t column = columns * b / blocks;
    const int width = (int)(columns * (b + 1) / blocks - column);
    const uint32_t *panel = g->panel + column * (size_t)w->kernel_height * steps * SK_LANES;
    SK_NAME(cursor) at = SK_NAME(cursor_at)(w, begin);
    for (size_t pixel = begin; pixel < end; pixel += SK_GRADIENT_ROWS) {
      const size_t count = end - pixel < SK_GRADIENT_ROWS ? end - pixel : SK_GRADIENT_ROWS;
      const char *rows[SK_GRADIENT_ROWS];
      for (size_t r = 0; r < SK_GRADIENT_ROWS; ++r) {
        // A tile that is not full reads its last pixel again.
        rows[r] = r < count ? (const char *)SK_P(window_start)(&g->images, w, &at) : rows[r - 1];
        if (r < count) SK_NAME(advance)(w, &at);
      }
#define SK_CALL(VECTORS) SK_P(convolution_tile)(VECTORS, g, panel, column, rows, pixel, count)
      SK_EACH_WIDTH(SK_CALL)
#undef SK_CALL
    }
  }
}

#endif

// Weights as the panel of columns [begin, end): [block][ky][step][vector of the block][16]; for tiles the steps of all
// ky are padded with zeros to a multiple of 16.
static void SK_P(convolution_panel)(const sk_convolution_weights *g, size_t begin, size_t end, uint32_t *panel) {
  const size_t columns = (g->filters + SK_LANES - 1) / SK_LANES;
  const size_t blocks = (columns + SK_GRADIENT_VECTORS - 1) / SK_GRADIENT_VECTORS;
  const size_t run = g->kernel_width * g->channels, steps = (run + SK_STEP - 1) / SK_STEP;
  const size_t words = g->kernel_height * steps, depth = SK_TILED ? (words + 15) / 16 * 16 : words;
  size_t block = 0;
  for (size_t column = begin; column < end; ++column) {
    while (columns * (block + 1) / blocks <= column) ++block;
    const size_t first = columns * block / blocks, width = columns * (block + 1) / blocks - first;
    uint32_t *to = panel + (first * depth + column - first) * SK_LANES;
    const size_t count = SK_NAME(lanes_left)(g->filters, column * SK_LANES);
    for (size_t ky = 0; ky < g->kernel_height; ++ky) {
      for (size_t s = 0; s < steps; ++s, to += width * SK_LANES) {
        for (size_t lane = 0; lane < SK_LANES; ++lane) {
          uint32_t word = 0;
          for (size_t e = 0; e < SK_STEP && lane < count; ++e) {
            const size_t place = s * SK_STEP + e;
            if (place >= run) break;
            const size_t kx = place / g->channels, tap = ky * g->kernel_width + kx;
            const size_t taken = g->turned ? g->kernel_height * g->kernel_width - 1 - tap : tap;
            const float value = g->values[(column * SK_LANES + lane) * g->filter_stride + taken * g->tap_stride +
                                          place % g->channels * g->channel_stride];
#if SK_STEP == 1
            word = SK_NAME(bits_of)(value);
#else
            word |= (uint32_t)SK_NAME(bfloat16_of)(value) << (e * 16);
#endif
          }
          to[lane] = word;
        }
      }
    }
    for (size_t s = words; s < depth; ++s, to += width * SK_LANES) memset(to, 0, SK_LANES * 4);
  }
}

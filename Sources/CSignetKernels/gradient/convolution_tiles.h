// SPDX-License-Identifier: Apache-2.0
//
// The convolution of convolution.h by AMX. The kernel rows of 32 pixels are copied next to each other, [block of 16
// words][pixel][64 bytes], and padded with zeros; the panel is padded likewise.

SK_INLINE void SK_P(copy_windows)(const sk_convolution *g, SK_NAME(cursor) * at, size_t count, size_t blocks,
                                  char *to) {
  const size_t run = (size_t)g->window.kernel_width * g->images.channels * sizeof(SK_P(element));
  const size_t row = (run + 3) / 4 * 4;
  for (size_t p = 0; p < 32; ++p) {
    char *const pixel = to + p * 64;
    if (p >= count) {
      for (size_t block = 0; block < blocks; ++block) memset(pixel + block * 32 * 64, 0, 64);
      continue;
    }
    const char *from = (const char *)SK_P(window_start)(&g->images, &g->window, at);
    SK_NAME(advance)(&g->window, at);
    // Behind a run whose last word is half full lies an element that meets a weight of 0.
    size_t place = 0;
    for (int32_t ky = 0; ky < g->window.kernel_height; ++ky, from += g->images.row * sizeof(SK_P(element))) {
      for (size_t done = 0; done < row;) {
        const size_t inside = place % 64, room = 64 - inside, left = row - done;
        const size_t bytes = left < room ? left : room;
        const __mmask16 words = (__mmask16)((1u << bytes / 4) - 1);
        _mm512_mask_storeu_epi32(pixel + place / 64 * 32 * 64 + inside, words,
                                 _mm512_maskz_loadu_epi32(words, from + done));
        done += bytes;
        place += bytes;
      }
    }
    if (place % 64 != 0) memset(pixel + place / 64 * 32 * 64 + place % 64, 0, 64 - place % 64);
  }
}

// Output pixels [begin, end) of the whole batch.
static void SK_P(convolution)(const sk_convolution *g, size_t begin, size_t end, void *scratch) {
  const sk_window *w = &g->window;
  const size_t columns = (g->filters + SK_LANES - 1) / SK_LANES;
  const size_t groups = (columns + SK_GRADIENT_VECTORS - 1) / SK_GRADIENT_VECTORS;
  const size_t steps = ((size_t)w->kernel_width * g->images.channels + SK_STEP - 1) / SK_STEP;
  sk_f32 *sums = scratch;
  char *rows = (char *)(sums + 64);
  const size_t blocks = ((size_t)w->kernel_height * steps + 15) / 16;
  SK_NAME(tile_operands) o = {.left_step = 32 * 64, .right_tile = 64, .blocks = blocks};
  SK_NAME(begin_tiles)();
  SK_NAME(cursor) at = SK_NAME(cursor_at)(w, begin);
  for (size_t pixel = begin; pixel < end; pixel += 32) {
    const size_t count = end - pixel < 32 ? end - pixel : 32;
    SK_P(copy_windows)(g, &at, count, o.blocks, rows);
    for (size_t group = 0; group < groups; ++group) {
      const size_t first = columns * group / groups, width = columns * (group + 1) / groups - first;
      sk_f32 biases[4];
      for (size_t v = 0; v < width; ++v) {
        const size_t f = (first + v) * SK_LANES;
        biases[v] = g->bias ? SK_NAME(load_lanes)(g->bias + f, SK_NAME(lanes_left)(g->filters, f)) : (sk_f32)0;
      }
      o.right = (const char *)(g->panel + first * o.blocks * 16 * SK_LANES);
      o.right_row = width * 64;
      o.right_step = 16 * o.right_row;
      for (size_t half = 0; half < count; half += 16) {
        o.left = rows + half * 64;
#define SK_CALL(tiles)                  \
  SK_LOAD_SUMS(tiles, biases, 0, 64);   \
  SK_ADD_WIDE(SK_TILE_DOT, tiles, o);   \
  SK_STORE_SUMS(tiles, sums, tiles * 64, 64)
        SK_EACH_TILE_COUNT(width, SK_CALL)
#undef SK_CALL
        for (size_t r = half; r < count && r < half + 16; ++r) {
          for (size_t v = 0; v < width; ++v) {
            const size_t f = (first + v) * SK_LANES;
            SK_NAME(store_gradient)(g->y, g->kind, (pixel + r) * g->pixel_stride + f, sums + (r - half) * width + v,
                                    SK_NAME(lanes_left)(g->filters, f));
          }
        }
      }
    }
  }
  SK_NAME(end_tiles)();
}

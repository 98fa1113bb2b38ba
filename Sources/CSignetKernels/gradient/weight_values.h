// SPDX-License-Identifier: Apache-2.0
//
// The values of a binarized input for dW, on AVX-512. For a chunk of rows its pixels' bits are expanded once for all
// taps of a pass: [line][pixel][channel], bytes or bfloat16, with a border of zeros, so that a tap is a distance. Rows
// of four, or two, are then laid side by side. That is worth while for kernels of several taps.

#define SK_VALUE_BYTES (4 / SK_STEP)

typedef struct SK_P(values) {
  char *at;
  const char **rows;    // of the chunk: where their windows begin, for the first channel at hand
  size_t pitch, tall;   // pixels of a line and lines of an image, with the border
  size_t first, words;  // words of 32 channels that are there
} SK_P(values);

// Pixels of an image's side with what windows read before and behind it.
SK_INLINE int32_t SK_P(bordered)(int32_t in, int32_t pad, int32_t out, int32_t stride, int32_t kernel) {
  const int32_t read = (out - 1) * stride + kernel, own = pad + in;
  return own > read ? own : read;
}

// A chunk's lines begin with that of its first window and end with that of its last one.
SK_INLINE size_t SK_P(value_lines)(const sk_window *w, size_t tall, size_t begin, size_t count, size_t *first) {
  const SK_NAME(cursor) from = SK_NAME(cursor_at)(w, begin), last = SK_NAME(cursor_at)(w, begin + count - 1);
  *first = from.image * tall + (size_t)(from.y * w->stride_height);
  return last.image * tall + (size_t)(last.y * w->stride_height + w->kernel_height) - *first;
}

// Whether a chunk's values fit, wherever it begins.
static int SK_P(begin_values)(const sk_weight_gradient *g, SK_P(values) * v) {
  const sk_window *w = &g->window;
  if (g->images || w->kernel_height * w->kernel_width < 4) return 0;
  v->pitch = (size_t)SK_P(bordered)(w->in_width, w->pad_left, w->out_width, w->stride_width, w->kernel_width);
  v->tall = (size_t)SK_P(bordered)(w->in_height, w->pad_top, w->out_height, w->stride_height, w->kernel_height);
  // Lines of windows, and what is between images.
  const size_t rows = SK_GRADIENT_STEPS * SK_STEP, plane = (size_t)w->out_height * (size_t)w->out_width;
  const size_t step = (size_t)w->stride_height, read = (size_t)w->out_height * step;
  const size_t between = v->tall > read ? v->tall - read : 0;
  const size_t most =
      (rows / (size_t)w->out_width + 2) * step + (size_t)w->kernel_height + (rows / plane + 1) * between;
  return most * v->pitch <= SK_VALUE_PIXELS;
}

SK_INLINE void SK_P(put_values)(const sk_weight_gradient *g, const SK_P(level_table) * table, const uint32_t *bits,
                                size_t words, char *to) {
#if SK_STEP == 4
  const __m256i levels = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table->words));
  for (size_t word = 0; word < words; ++word, to += 32) {
    __m256i code = _mm256_setzero_si256();
    for (uint32_t m = 0; m < g->planes; ++m) {
      const __m256i bit = _mm256_maskz_set1_epi8(bits[m * g->plane_words + word], (char)(1 << m));
      code = _mm256_or_si256(code, bit);
    }
    const __m256i value = _mm256_shuffle_epi8(levels, code);
    _mm256_storeu_si256((__m256i *)to, _mm256_add_epi8(value, _mm256_set1_epi8((char)g->offset)));
  }
#else
  const __m512i levels = _mm512_loadu_si512(table->words);
  for (size_t word = 0; word < words; ++word, to += 64) {
    __m512i code = _mm512_setzero_si512();
    for (uint32_t m = 0; m < g->planes; ++m) {
      const __m512i bit = _mm512_maskz_set1_epi16(bits[m * g->plane_words + word], (short)(1 << m));
      code = _mm512_or_si512(code, bit);
    }
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(code, levels));
  }
#endif
}

// The values of halves [first, end) of channels for rows [begin, begin + count).
static void SK_P(make_values)(const sk_weight_gradient *g, const SK_P(level_table) * table, size_t begin, size_t count,
                              size_t first, size_t end, SK_P(values) * v) {
  const sk_window *w = &g->window;
  v->first = first / 2;
  v->words = (end + 1) / 2 - v->first;
  const size_t pixel = v->words * 32 * SK_VALUE_BYTES, width = (size_t)w->in_width, left = (size_t)w->pad_left;
  const size_t right = v->pitch - left - width;
  const int zero = SK_STEP == 4 ? (int)g->offset : 0;
  size_t first_line = 0;
  const size_t lines = SK_P(value_lines)(w, v->tall, begin, count, &first_line);
  char *to = v->at;
  for (size_t line = first_line; line < first_line + lines; ++line) {
    const size_t up = line % v->tall, y = up - (size_t)w->pad_top;
    if (up < (size_t)w->pad_top || y >= (size_t)w->in_height) {
      memset(to, zero, v->pitch * pixel);
      to += v->pitch * pixel;
      continue;
    }
    memset(to, zero, left * pixel);
    to += left * pixel;
    const size_t at = (line / v->tall * (size_t)w->in_height + y) * width;
    for (size_t x = 0; x < width; ++x, to += pixel) {
      SK_P(put_values)(g, table, g->bits + (at + x) * g->pixel_words + v->first, v->words, to);
    }
    memset(to, zero, right * pixel);
    to += right * pixel;
  }
  SK_NAME(cursor) at = SK_NAME(cursor_at)(w, begin);
  const size_t steps = (count + SK_STEP - 1) / SK_STEP;
  for (size_t r = 0; r < steps * SK_STEP; ++r) {
    // Behind the last row anything will do that can be read.
    if (r >= count) {
      v->rows[r] = v->at;
      continue;
    }
    const size_t line = at.image * v->tall + (size_t)(at.y * w->stride_height) - first_line;
    v->rows[r] = v->at + (line * v->pitch + (size_t)(at.x * w->stride_width)) * pixel;
    SK_NAME(advance)(w, &at);
  }
}

// A column's words for all steps of a chunk.
SK_INLINE void SK_P(gather_values)(const sk_weight_gradient *g, const SK_P(values) * v, size_t tap, size_t half,
                                   size_t steps, size_t stride, uint32_t *to) {
  const size_t width = (size_t)g->window.kernel_width, pixel = v->words * 32 * SK_VALUE_BYTES;
  const size_t from = (tap / width * v->pitch + tap % width) * pixel + (half - v->first * 2) * 16 * SK_VALUE_BYTES;
  const char *const *rows = v->rows;
#if SK_STEP == 4
  // The rows of each channel side by side, by vpermb where it is there; else four channels of all rows to a lane first.
#if SK_TILED
  typedef uint8_t bytes __attribute__((vector_size(64)));
  const __m512i order =
      (__m512i)(bytes){0,  16, 32, 48, 1,  17, 33, 49, 2,  18, 34, 50, 3,  19, 35, 51, 4,  20, 36, 52, 5,  21,
                       37, 53, 6,  22, 38, 54, 7,  23, 39, 55, 8,  24, 40, 56, 9,  25, 41, 57, 10, 26, 42, 58,
                       11, 27, 43, 59, 12, 28, 44, 60, 13, 29, 45, 61, 14, 30, 46, 62, 15, 31, 47, 63};
#else
  const __m512i lanes = (__m512i)(sk_u32){0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
#endif
  for (size_t s = 0; s < steps; ++s, rows += 4, to += stride) {
    __m512i all = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(rows[0] + from)));
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(rows[1] + from)), 1);
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(rows[2] + from)), 2);
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i *)(rows[3] + from)), 3);
#if SK_TILED
    _mm512_storeu_si512(to, _mm512_permutexvar_epi8(order, all));
#else
    _mm512_storeu_si512(to, _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, all), order));
#endif
  }
#else
  typedef uint16_t shorts __attribute__((vector_size(64)));
  const __m512i order = (__m512i)(shorts){0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  for (size_t s = 0; s < steps; ++s, rows += 2, to += stride) {
    const __m256i low = _mm256_loadu_si256((const __m256i *)(rows[0] + from));
    const __m256i high = _mm256_loadu_si256((const __m256i *)(rows[1] + from));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1)));
  }
#endif
}
#undef SK_VALUE_BYTES

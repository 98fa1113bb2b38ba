// SPDX-License-Identifier: Apache-2.0
//
// Pixels for dX by tiles, and the rows of dY that their taps lead to, copied once: images one below the other, in lines
// of `pitch` rows, with zeros around them, so that a tap is a distance, and any 16 rows that follow each other are an
// operand as they lie.

// Rows of a strip's lines, at most; a line's part of 16 pixels fits with all lines that its taps lead to.
SK_INLINE size_t SK_P(strip_budget)(size_t taps) { return taps * 17 > SK_STRIP_ROWS ? taps * 17 : SK_STRIP_ROWS; }

// Its memory: what tiles of the last positions read is behind the last line.
typedef struct SK_P(strip) {
  char *rows;         // [row][block][64 bytes]
  float *scales;      // int8: of each row, 0 where there is none
  int32_t *row_sums;  // int8, where filters are summed in pieces
  uint64_t *there;    // a bit for each row of dY
  size_t row_bytes, pieces;
  sk_window window;
  int is_few_columns;  // whether all of them take turns before the positions do
  size_t whole, tall;  // rows and lines of an image with the zeros behind them
  // Of the strip at hand: positions [begin, end) are its pixels and, between lines and images, nobody.
  size_t begin, end, pitch, width;
  size_t line;  // of position 0, from the first image's first one on
  size_t left;  // column of position 0
} SK_P(strip);

SK_INLINE size_t SK_P(strip_rows)(size_t taps) { return SK_P(strip_budget)(taps) + taps + 31; }

// How far a tap's rows are from the positions that they count for.
SK_INLINE size_t SK_P(tap_distance)(const SK_P(strip) * s, size_t tap) {
  const size_t width = (size_t)s->window.kernel_width, taps = (size_t)s->window.kernel_height * width;
  return (taps - 1 - tap) / width * s->pitch + (taps - 1 - tap) % width;
}

// Whether any of 32 rows is one of dY's.
SK_INLINE int SK_P(leads_anywhere)(const SK_P(strip) * s, size_t row) {
  const uint64_t low = s->there[row / 64] >> row % 64, high = s->there[row / 64 + 1] << (63 - row % 64) << 1;
  return (uint32_t)(low | high) != 0;
}

SK_INLINE void SK_P(put_nothing)(SK_P(strip) * s, size_t row, size_t count) {
  memset(s->rows + row * s->row_bytes, 0, count * s->row_bytes);
#if SK_STEP == 4
  memset(s->scales + row, 0, count * sizeof *s->scales);
  if (s->pieces > 1) memset(s->row_sums + row, 0, count * sizeof *s->row_sums);
#endif
}

SK_INLINE void SK_P(put_row)(const sk_input_gradient *g, SK_P(strip) * s, size_t row, size_t source) {
  char *to = s->rows + row * s->row_bytes;
  const char *from = (const char *)g->dy + source * g->row_bytes;
  s->there[row / 64] |= 1ull << row % 64;
#if SK_STEP == 4
  s->scales[row] = g->scales[source];
  if (s->pieces > 1) s->row_sums[row] = g->sums[source];
#endif
  for (size_t first = 0; first < g->filters;) {
    const size_t depth = SK_P(depth_from)(g->filters, first), bytes = depth * (4 / SK_STEP);
    size_t done = 0;
    for (; done + 64 <= bytes; done += 64, to += 64) _mm512_storeu_si512(to, _mm512_loadu_si512(from + done));
    if (done < bytes) {
      _mm512_storeu_si512(to, _mm512_maskz_loadu_epi8((1ull << (bytes - done)) - 1, from + done));
      to += 64;
    }
    from += bytes;
    first += depth;
  }
}

// A position's column, its line in its image, and the pixel there, or the next one.
typedef struct SK_P(strip_place) {
  size_t column, y, pixel;
} SK_P(strip_place);

SK_INLINE SK_P(strip_place) SK_P(place_in_strip)(const SK_P(strip) * s, size_t position) {
  const size_t width = (size_t)s->window.in_width, height = (size_t)s->window.in_height;
  const size_t line = s->line + position / s->pitch, column = position % s->pitch, y = line % s->tall;
  const size_t before = column < s->width ? s->left + column : s->left + s->width;
  const size_t inside = y < height ? y * width + before : height * width;
  return (SK_P(strip_place)){column, y, line / s->tall * height * width + inside};
}

// The rows of a line of dY's images in a strip, from column `left` on.
SK_INLINE void SK_P(put_line)(const sk_input_gradient *g, SK_P(strip) * s, size_t row, ptrdiff_t line, int32_t left) {
  const sk_window *w = &s->window;
  const int32_t pitch = (int32_t)s->pitch;
  const size_t up = line < 0 ? 0 : (size_t)line % s->tall, out_y = up / (size_t)w->stride_height;
  if (line < 0 || up % (size_t)w->stride_height != 0 || out_y >= (size_t)w->out_height) {
    SK_P(put_nothing)(s, row, s->pitch);
    return;
  }
  const size_t source = ((size_t)line / s->tall * (size_t)w->out_height + out_y) * (size_t)w->out_width;
  if (w->stride_width != 1) {
    SK_P(put_nothing)(s, row, s->pitch);
    for (int32_t j = left < 0 ? -left : 0; j < pitch && (left + j) / w->stride_width < w->out_width; ++j) {
      if ((left + j) % w->stride_width != 0) continue;
      SK_P(put_row)(g, s, row + (size_t)j, source + (size_t)((left + j) / w->stride_width));
    }
    return;
  }
  // Columns [first, last) are there.
  const int32_t first = left >= 0 ? 0 : -left < pitch ? -left : pitch, rest = w->out_width - left;
  const int32_t last = rest < first ? first : rest < pitch ? rest : pitch;
  SK_P(put_nothing)(s, row, (size_t)first);
  for (int32_t j = first; j < last; ++j) SK_P(put_row)(g, s, row + (size_t)j, source + (size_t)(left + j));
  SK_P(put_nothing)(s, row + (size_t)last, (size_t)(pitch - last));
}

SK_INLINE size_t SK_P(with_zeros)(int32_t in, int32_t pad, int32_t out, int32_t stride, int32_t kernel) {
  const int32_t reach = (out - 1) * stride + kernel - pad, own = in + pad;
  return (size_t)(own > reach ? own : reach);
}

// What strips of a layer have in common.
static void SK_P(begin_strips)(const sk_input_gradient *g, SK_P(strip) * s) {
  const size_t taps = (size_t)g->window.kernel_height * (size_t)g->window.kernel_width;
  s->window = g->window;
  sk_window *w = &s->window;
  if (taps == 1 && w->stride_height == 1 && w->stride_width == 1) {
    // All images are one line.
    w->in_height = w->out_height = 1;
    w->in_width = w->out_width = INT32_MAX / 2;
  }
  s->whole = SK_P(with_zeros)(w->in_width, w->pad_left, w->out_width, w->stride_width, w->kernel_width);
  s->tall = SK_P(with_zeros)(w->in_height, w->pad_top, w->out_height, w->stride_height, w->kernel_height);
}

// Makes a strip of pixels from `begin` on, before `end`; returns the pixel behind it.
static size_t SK_P(make_strip)(const sk_input_gradient *g, SK_P(strip) * s, size_t begin, size_t end) {
  const sk_window *w = &s->window;
  const size_t kernel = (size_t)w->kernel_height, taps = kernel * (size_t)w->kernel_width;
  const size_t budget = SK_P(strip_budget)(taps), width = (size_t)w->in_width, height = (size_t)w->in_height;
  const size_t x = begin % width;
  int32_t left = w->pad_left + 1 - w->kernel_width;
  s->line = begin / width / height * s->tall + begin / width % height;
  if (kernel * s->whole <= budget) {
    const size_t most = budget / s->whole + 1 - kernel;
    s->pitch = s->whole;
    s->width = width;
    s->left = 0;
    s->begin = x;
    // The lines, and what is between images.
    size_t last = (end - 1) / width, line = last / height * s->tall + last % height;
    if (line - s->line >= most) {
      line = s->line + most - 1;
      last = line % s->tall < height ? line / s->tall * height + line % s->tall : (line / s->tall + 1) * height - 1;
      end = (last + 1) * width;
    }
    s->end = (last / height * s->tall + last % height - s->line) * s->pitch + (end - 1) % width + 1;
  } else {
    const size_t most = budget / kernel + 1 - (size_t)w->kernel_width, line_end = begin - x + width;
    if (end > line_end) end = line_end;
    if (end - begin > most) end = begin + most;
    s->begin = 0;
    s->left = x;
    s->end = s->width = end - begin;
    s->pitch = s->width + (size_t)w->kernel_width - 1;
    left += (int32_t)x;
  }
  const size_t count = (s->end - 1) / s->pitch + kernel, tail = (size_t)w->kernel_width - 1 + 31;
  memset(s->there, 0, ((count * s->pitch + tail) / 64 + 2) * sizeof *s->there);
  for (size_t i = 0; i < count; ++i) {
    const ptrdiff_t line = (ptrdiff_t)(s->line + i) + w->pad_top + 1 - w->kernel_height;
    SK_P(put_line)(g, s, i * s->pitch, line, left);
  }
  SK_P(put_nothing)(s, count * s->pitch, tail);
  return end;
}

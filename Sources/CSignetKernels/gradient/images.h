// SPDX-License-Identifier: Apache-2.0
//
// Images of reals with a border of zeros, in the element of a precision: no window leads outside, and the taps of a
// kernel row follow each other.

#if SK_STEP == 1
typedef float SK_P(element);
#else
typedef uint16_t SK_P(element);
#endif

SK_INLINE void SK_P(copy_elements)(const sk_padding *p, size_t from, SK_P(element) *to, size_t count) {
  for (size_t i = 0; i < count; i += SK_LANES) {
    const uint32_t used = SK_NAME(lanes_left)(count, i);
    const sk_f32 value = SK_NAME(load_gradient_lanes)(p->from, p->kind, from + i, used);
    SK_NAME(store_gradient)(to, SK_STEP == 1 ? SK_PRECISION_FLOAT32 : SK_PRECISION_BFLOAT16, i, &value, used);
  }
}

// Images [begin, end).
static void SK_P(pad_images)(const sk_padding *p, size_t begin, size_t end) {
  const sk_images *images = &p->images;
  const size_t channels = images->channels, row = images->row, height = images->image / row;
  const size_t left = p->left * channels, inside = p->width * channels;
  for (size_t image = begin; image < end; ++image) {
    SK_P(element) *to = (SK_P(element) *)p->to + image * images->image;
    for (size_t y = 0; y < height; ++y, to += row) {
      if (y < p->top || y >= p->top + p->height) {
        memset(to, 0, row * sizeof *to);
        continue;
      }
      const size_t from = (image * p->height + y - p->top) * p->width;
      memset(to, 0, left * sizeof *to);
      if (p->pixel_stride == channels) {
        SK_P(copy_elements)(p, from * channels, to + left, inside);
      } else {
        for (size_t x = 0; x < p->width; ++x) {
          SK_P(copy_elements)(p, (from + x) * p->pixel_stride, to + left + x * channels, channels);
        }
      }
      memset(to + left + inside, 0, (row - left - inside) * sizeof *to);
    }
  }
}

// The first element that the window of an output pixel reads.
SK_INLINE const SK_P(element) *SK_P(window_start)(const sk_images *images, const sk_window *w,
                                                  const SK_NAME(cursor) *at) {
  return (const SK_P(element) *)images->values + at->image * images->image +
         (size_t)at->y * (size_t)w->stride_height * images->row +
         (size_t)at->x * (size_t)w->stride_width * images->channels;
}

// 16 places of a patch: pieces of kernel rows, each from a lane on.
typedef struct SK_P(pieces) {
  size_t count;
  ptrdiff_t from[SK_LANES];  // elements from the window's start, for lane 0
#if SK_STEP == 1
  sk_i32 lanes[SK_LANES];
#else
  sk_i16 lanes[SK_LANES];
#endif
} SK_P(pieces);

SK_INLINE void SK_P(pieces_of)(const sk_images *images, const sk_window *w, size_t place, SK_P(pieces) *pieces) {
  const size_t run = (size_t)w->kernel_width * images->channels;
  pieces->count = 0;
  for (size_t ky = place / run; ky < (size_t)w->kernel_height && ky * run < place + SK_LANES; ++ky) {
    const size_t piece = pieces->count++;
    const ptrdiff_t first = (ptrdiff_t)(ky * run) - (ptrdiff_t)place;
    pieces->from[piece] = (ptrdiff_t)(ky * images->row) - first;
    for (int lane = 0; lane < SK_LANES; ++lane) pieces->lanes[piece][lane] = lane >= first ? -1 : 0;
  }
}

// The operands of a column for the steps of a chunk; `rows` are the windows' starts. A row behind the last one meets a
// gradient of 0.
static void SK_P(copy_column)(const SK_P(pieces) *pieces, const SK_P(element) *const *rows, size_t count,
                              uint32_t *panel, size_t stride) {
  for (size_t r = 0; r < count; r += SK_STEP, panel += stride) {
    const SK_P(element) *row = rows[r];
#if SK_STEP == 1
    sk_u32 word = SK_LOAD_U32(row + pieces->from[0]);
    for (size_t i = 1; i < pieces->count; ++i) {
      word = SK_SELECT(pieces->lanes[i], SK_LOAD_U32(row + pieces->from[i]), word);
    }
#else
    const SK_P(element) *next = rows[r + 1 < count ? r + 1 : r];
    sk_u16 low = *(const sk_u16_at *)(row + pieces->from[0]), high = *(const sk_u16_at *)(next + pieces->from[0]);
    for (size_t i = 1; i < pieces->count; ++i) {
      low = SK_SELECT(pieces->lanes[i], *(const sk_u16_at *)(row + pieces->from[i]), low);
      high = SK_SELECT(pieces->lanes[i], *(const sk_u16_at *)(next + pieces->from[i]), high);
    }
    const sk_u32 word = __builtin_convertvector(low, sk_u32) | __builtin_convertvector(high, sk_u32) << 16;
#endif
    memcpy(panel, &word, sizeof word);
  }
}

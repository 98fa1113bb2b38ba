// SPDX-License-Identifier: Apache-2.0
//
// Max-pool in training: it keeps what its largest value was computed from, and which tap had it; and the gradient's
// way back.

SK_INLINE void SK_NAME(value_pool_of)(const sk_values *v, bool shorts, const sk_value_pool *p, size_t begin,
                                      size_t end) {
  const sk_window w = p->window;
  const size_t in_pixels = (size_t)w.in_height * (size_t)w.in_width;
  for (size_t pixel = begin; pixel < end; ++pixel) {
    const SK_NAME(pool_site) at = SK_NAME(site)(&w, pixel);
    SK_EACH_VECTOR(c, count, v->channels) {
      const uint32_t n = (uint32_t)count;
      // The first tap inside the image even if no value is greater (all NaN or -inf): the gradient goes there.
      const size_t line = at.image * (size_t)w.in_height + (size_t)(at.y + at.top);
      const size_t first = line * (size_t)w.in_width + (size_t)(at.x + at.left);
      sk_f32 best = -__builtin_inff(), kept = SK_NAME(load_raw)(v, shorts, first, c, n);
      sk_i32 chosen = at.top * w.kernel_width + at.left;
      for (int32_t ky = at.top; ky < at.bottom; ++ky) {
        for (int32_t kx = at.left; kx < at.right; ++kx) {
          const size_t row = at.image * in_pixels + (size_t)(at.y + ky) * (size_t)w.in_width + (size_t)(at.x + kx);
          const sk_f32 raw = SK_NAME(load_raw)(v, shorts, row, c, n);
          const sk_f32 value = SK_NAME(activated)(v, raw, c, n);
          const sk_i32 greater = value > best;
          best = SK_SELECT(greater, value, best);
          kept = SK_SELECT(greater, raw, kept);
          chosen = SK_SELECT(greater, (sk_i32)(ky * w.kernel_width + kx), chosen);
        }
      }
      const size_t to = pixel * v->channels + c;
      if (shorts) {
        SK_NAME(store_shorts)((int16_t *)p->output + to, __builtin_convertvector(kept, sk_i16), n);
      } else {
        SK_NAME(store_lanes)((float *)p->output + to, &kept, n);
      }
      SK_NAME(store_bytes)(p->chosen + to, __builtin_convertvector(chosen, sk_i8), n);
    }
  }
}

static void SK_NAME(value_pool)(const sk_value_pool *p, size_t begin, size_t end) {
  SK_EITHER(&p->input, value_pool_of, p, begin, end)
}

// dx of input pixels [begin, end): the windows that chose the pixel, in order.
SK_INLINE void SK_NAME(value_pool_backward_of)(const sk_pool_gradient *call, sk_precision kind, bool full,
                                               size_t begin, size_t end) {
  // A copy, which nothing that is written can change.
  const sk_pool_gradient pool = *call, *const p = &pool;
  const sk_window w = p->window;
  const size_t in_pixels = (size_t)w.in_height * (size_t)w.in_width;
  const size_t out_pixels = (size_t)w.out_height * (size_t)w.out_width;
  for (size_t pixel = begin; pixel < end; ++pixel) {
    const size_t image = pixel / in_pixels, inside = pixel % in_pixels;
    const int32_t y = (int32_t)(inside / (size_t)w.in_width) + w.pad_top;
    const int32_t x = (int32_t)(inside % (size_t)w.in_width) + w.pad_left;
    // The windows whose taps reach the pixel: from the one in which it is the last tap.
    const int32_t top = y < w.kernel_height ? 0 : (y - w.kernel_height) / w.stride_height + 1;
    const int32_t left = x < w.kernel_width ? 0 : (x - w.kernel_width) / w.stride_width + 1;
    SK_EACH_VECTOR(c, count, p->channels) {
      const uint32_t n = full ? SK_LANES : (uint32_t)count;
      sk_f32 sum = 0;
      for (int32_t oy = top; oy < w.out_height && oy * w.stride_height <= y; ++oy) {
        for (int32_t ox = left; ox < w.out_width && ox * w.stride_width <= x; ++ox) {
          const int32_t tap = (y - oy * w.stride_height) * w.kernel_width + x - ox * w.stride_width;
          const size_t at =
              (image * out_pixels + (size_t)oy * (size_t)w.out_width + (size_t)ox) * p->channels + c;
          const sk_i8 taps = SK_NAME(load_bytes)(p->chosen + at, n);
          const sk_i32 here = (__builtin_convertvector(taps, sk_i32) & 255) == tap;
          sum += SK_SELECT(here, SK_NAME(load_gradient_lanes)(p->dy, kind, at, n), (sk_f32)0);
        }
      }
      SK_NAME(store_gradient)(p->dx, kind, pixel * p->channels + c, &sum, n);
    }
  }
}

static void SK_NAME(value_pool_backward)(const sk_pool_gradient *p, size_t begin, size_t end) {
  if (p->kind == SK_PRECISION_BFLOAT16 && p->channels % SK_LANES == 0) {
    SK_NAME(value_pool_backward_of)(p, SK_PRECISION_BFLOAT16, true, begin, end);
  } else {
    SK_NAME(value_pool_backward_of)(p, p->kind, false, begin, end);
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// Max-pools of the engine: of level bits between binary layers, and of reals.

// The part of a window that lies inside the image: taps [low, high).
SK_INLINE void SK_NAME(inside)(int32_t start, int32_t kernel, int32_t size, int32_t *low, int32_t *high) {
  *low = start < 0 ? -start : 0;
  *high = start + kernel > size ? size - start : kernel;
}

// Where the window of an output pixel lies: its image, its first input pixel, and its taps inside the image.
typedef struct SK_NAME(pool_site) {
  size_t image;
  int32_t y, x, top, bottom, left, right;
} SK_NAME(pool_site);

SK_INLINE SK_NAME(pool_site) SK_NAME(site)(const sk_window *w, size_t pixel) {
  const size_t plane_pixels = (size_t)w->out_height * (size_t)w->out_width, inside = pixel % plane_pixels;
  SK_NAME(pool_site) site = {.image = pixel / plane_pixels};
  site.y = (int32_t)(inside / (size_t)w->out_width) * w->stride_height - w->pad_top;
  site.x = (int32_t)(inside % (size_t)w->out_width) * w->stride_width - w->pad_left;
  SK_NAME(inside)(site.y, w->kernel_height, w->in_height, &site.top, &site.bottom);
  SK_NAME(inside)(site.x, w->kernel_width, w->in_width, &site.left, &site.right);
  return site;
}

static void SK_NAME(level_pool)(const sk_level_pool *p, size_t begin, size_t end) {
  const sk_window w = p->window;
  const uint32_t levels = (1u << p->planes) - 1;
  const size_t pixel_words = (size_t)levels * p->words;
  const size_t image_words = (size_t)w.in_height * (size_t)w.in_width * pixel_words;
  for (size_t pixel = begin; pixel < end; ++pixel) {
    const SK_NAME(pool_site) at_pixel = SK_NAME(site)(&w, pixel);
    const int32_t y = at_pixel.y, x = at_pixel.x;
    const int32_t top = at_pixel.top, bottom = at_pixel.bottom, left = at_pixel.left, right = at_pixel.right;
    const uint32_t *picture = p->input + at_pixel.image * image_words;
    uint32_t *out = p->output + pixel * p->planes * p->words;
    for (uint32_t word = 0; word < p->words; ++word) {
      uint32_t reached[1 << SK_MAX_PLANES];
      for (uint32_t j = 0; j < levels; ++j) {
        uint32_t any = 0;
        for (int32_t ky = top; ky < bottom; ++ky) {
          const uint32_t *at = picture + ((size_t)(y + ky) * (size_t)w.in_width + (size_t)(x + left)) * pixel_words;
          for (int32_t kx = left; kx < right; ++kx, at += pixel_words) any |= at[j * p->words + word];
        }
        reached[j] = any ^ p->inverted[word];
      }
      for (uint32_t m = 0; m < p->planes; ++m) {
        const uint32_t step = 1u << (p->planes - 1 - m);
        uint32_t parity = 0;
        for (uint32_t j = step; j <= levels; j += step) parity ^= reached[j - 1];
        out[m * p->words + word] = parity;
      }
    }
  }
}

static void SK_NAME(float_pool)(const sk_float_pool *p, size_t begin, size_t end) {
  const sk_window w = p->window;
  const size_t channels = p->channels;
  const size_t image_floats = (size_t)w.in_height * (size_t)w.in_width * channels;
  for (size_t pixel = begin; pixel < end; ++pixel) {
    const SK_NAME(pool_site) at_pixel = SK_NAME(site)(&w, pixel);
    const int32_t y = at_pixel.y, x = at_pixel.x;
    const int32_t top = at_pixel.top, bottom = at_pixel.bottom, left = at_pixel.left, right = at_pixel.right;
    const float *picture = p->input + at_pixel.image * image_floats;
    for (size_t c = 0; c < channels; c += SK_LANES) {
      const uint32_t count = (uint32_t)(channels - c < SK_LANES ? channels - c : SK_LANES);
      sk_f32 best = -__builtin_inff();
      for (int32_t ky = top; ky < bottom; ++ky) {
        for (int32_t kx = left; kx < right; ++kx) {
          const float *at = picture + ((size_t)(y + ky) * (size_t)w.in_width + (size_t)(x + kx)) * channels + c;
          const sk_f32 value = SK_NAME(load_lanes)(at, count);
          best = SK_SELECT(value > best, value, best);
        }
      }
      SK_NAME(store_lanes)(p->output + pixel * channels + c, &best, count);
    }
  }
}

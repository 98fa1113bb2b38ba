// SPDX-License-Identifier: Apache-2.0
//
// The patch matrix of a convolution and its transpose: what a matrix product needs for the gradients.

// `count` bits from `bits` on become +-beta, summed over planes.
SK_INLINE void SK_NAME(expand_bits)(const sk_patches *p, const uint32_t *bits, float *out) {
  for (uint32_t c = 0; c < p->channels; c += SK_LANES) {
    const uint32_t count = p->channels - c < SK_LANES ? p->channels - c : SK_LANES;
    const sk_u32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    sk_f32 value = 0;
    for (uint32_t m = 0; m < p->planes; ++m) {
      const sk_u32 half = (sk_u32)(bits[m * p->plane_words + c / 32] >> (c % 32));
      const sk_f32 beta = (sk_f32)p->betas[m];
      value += SK_SELECT((sk_i32)((half >> lane) & 1u) == 1, beta, -beta);
    }
    SK_NAME(store_lanes)(out + c, &value, count);
  }
}

static void SK_NAME(patches)(const sk_patches *p, size_t begin, size_t end, float *out) {
  const sk_window w = p->window;
  const size_t plane_pixels = (size_t)w.out_height * (size_t)w.out_width;
  const size_t image_stride = (size_t)w.in_height * (size_t)w.in_width * p->pixel_stride;
  for (size_t row = begin; row < end; ++row) {
    const size_t image = row / plane_pixels, inside = row % plane_pixels;
    const int32_t y = (int32_t)(inside / (size_t)w.out_width) * w.stride_height - w.pad_top;
    const int32_t x = (int32_t)(inside % (size_t)w.out_width) * w.stride_width - w.pad_left;
    for (int32_t ky = 0; ky < w.kernel_height; ++ky) {
      for (int32_t kx = 0; kx < w.kernel_width; ++kx, out += p->channels) {
        const int32_t in_y = y + ky, in_x = x + kx;
        if (in_y < 0 || in_y >= w.in_height || in_x < 0 || in_x >= w.in_width) {
          memset(out, 0, p->channels * sizeof(float));
          continue;
        }
        const size_t at = image * image_stride + ((size_t)in_y * (size_t)w.in_width + (size_t)in_x) * p->pixel_stride;
        if (p->reals) {
          memcpy(out, p->reals + at, p->channels * sizeof(float));
        } else {
          SK_NAME(expand_bits)(p, p->bits + at, out);
        }
      }
    }
  }
}

// Gathers, for each input pixel, the taps that read it, in row-major order.
static void SK_NAME(unpatch)(const sk_unpatch *p, size_t begin, size_t end) {
  const sk_window w = p->window;
  const size_t taps = (size_t)w.kernel_height * (size_t)w.kernel_width;
  const size_t plane_pixels = (size_t)w.out_height * (size_t)w.out_width;
  const size_t in_pixels = (size_t)w.in_height * (size_t)w.in_width;
  for (size_t image = begin; image < end; ++image) {
    const float *patches = p->patches + (image - begin) * plane_pixels * taps * p->channels;
    for (size_t inside = 0; inside < in_pixels; ++inside) {
      const int32_t y = (int32_t)(inside / (size_t)w.in_width) + w.pad_top;
      const int32_t x = (int32_t)(inside % (size_t)w.in_width) + w.pad_left;
      const size_t pixel = image * in_pixels + inside;
      for (uint32_t c = 0; c < p->channels; c += SK_LANES) {
        const uint32_t count = p->channels - c < SK_LANES ? p->channels - c : SK_LANES;
        sk_f32 sum = 0;
        for (int32_t ky = 0; ky < w.kernel_height; ++ky) {
          const int32_t out_y = y - ky;
          if (out_y < 0 || out_y % w.stride_height || out_y / w.stride_height >= w.out_height) continue;
          for (int32_t kx = 0; kx < w.kernel_width; ++kx) {
            const int32_t out_x = x - kx;
            if (out_x < 0 || out_x % w.stride_width || out_x / w.stride_width >= w.out_width) continue;
            const size_t row =
                (size_t)(out_y / w.stride_height) * (size_t)w.out_width + (size_t)(out_x / w.stride_width);
            const size_t tap = (size_t)ky * (size_t)w.kernel_width + (size_t)kx;
            sum += SK_NAME(load_lanes)(patches + (row * taps + tap) * p->channels + c, count);
          }
        }
        SK_NAME(store_lanes)(p->output + pixel * p->pixel_stride + c, &sum, count);
      }
    }
  }
}

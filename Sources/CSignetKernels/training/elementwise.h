// SPDX-License-Identifier: Apache-2.0
//
// Passes over rows of channels: the elementwise and per-channel parts of a network, forward and backward.

#define SK_EACH_VECTOR(c, count, channels)                                                                        \
  for (size_t c = 0, count; c < (channels) && (count = (channels) - c < SK_LANES ? (channels) - c : SK_LANES, 1); \
       c += SK_LANES)

static void SK_NAME(affine)(const float *x, const float *scale, const float *shift, float *y, size_t rows,
                            size_t channels) {
  for (size_t row = 0; row < rows; ++row, x += channels, y += channels) {
    SK_EACH_VECTOR(c, count, channels) {
      const sk_f32 value = SK_FMA(SK_NAME(load_lanes)(scale + c, (uint32_t)count),
                                  SK_NAME(load_lanes)(x + c, (uint32_t)count),
                                  SK_NAME(load_lanes)(shift + c, (uint32_t)count));
      SK_NAME(store_lanes)(y + c, &value, (uint32_t)count);
    }
  }
}

static void SK_NAME(prelu)(const float *x, const float *slope, float *y, size_t rows, size_t channels) {
  for (size_t row = 0; row < rows; ++row, x += channels, y += channels) {
    SK_EACH_VECTOR(c, count, channels) {
      const sk_f32 in = SK_NAME(load_lanes)(x + c, (uint32_t)count);
      const sk_f32 value = SK_SELECT(in >= 0.0f, in, SK_NAME(load_lanes)(slope + c, (uint32_t)count) * in);
      SK_NAME(store_lanes)(y + c, &value, (uint32_t)count);
    }
  }
}

static void SK_NAME(prelu_backward)(const float *x, const float *slope, const float *dy, float *dx,
                                    float *slope_gradient, size_t rows, size_t channels) {
  for (size_t row = 0; row < rows; ++row, x += channels, dy += channels, dx += channels) {
    SK_EACH_VECTOR(c, count, channels) {
      const sk_f32 in = SK_NAME(load_lanes)(x + c, (uint32_t)count);
      const sk_f32 out = SK_NAME(load_lanes)(dy + c, (uint32_t)count);
      const sk_i32 positive = in > 0.0f;
      const sk_f32 gradient = SK_SELECT(positive, out, SK_NAME(load_lanes)(slope + c, (uint32_t)count) * out);
      const sk_f32 sum =
          SK_NAME(load_lanes)(slope_gradient + c, (uint32_t)count) + SK_SELECT(positive, (sk_f32)0, in * out);
      SK_NAME(store_lanes)(dx + c, &gradient, (uint32_t)count);
      SK_NAME(store_lanes)(slope_gradient + c, &sum, (uint32_t)count);
    }
  }
}

static void SK_NAME(column_sums)(const float *x, float *out, size_t rows, size_t channels) {
  SK_EACH_VECTOR(c, count, channels) {
    sk_f32 sum = 0;
    for (size_t row = 0; row < rows; ++row) sum += SK_NAME(load_lanes)(x + row * channels + c, (uint32_t)count);
    SK_NAME(store_lanes)(out + c, &sum, (uint32_t)count);
  }
}

static void SK_NAME(moments)(const float *x, const float *pivot, float *sum, float *square, size_t rows,
                             size_t channels) {
  memset(sum, 0, channels * sizeof(float));
  memset(square, 0, channels * sizeof(float));
  for (size_t row = 0; row < rows; ++row, x += channels) {
    SK_EACH_VECTOR(c, count, channels) {
      const sk_f32 d = SK_NAME(load_lanes)(x + c, (uint32_t)count) - SK_NAME(load_lanes)(pivot + c, (uint32_t)count);
      const sk_f32 s = SK_NAME(load_lanes)(sum + c, (uint32_t)count) + d;
      const sk_f32 q = SK_FMA(d, d, SK_NAME(load_lanes)(square + c, (uint32_t)count));
      SK_NAME(store_lanes)(sum + c, &s, (uint32_t)count);
      SK_NAME(store_lanes)(square + c, &q, (uint32_t)count);
    }
  }
}

static void SK_NAME(norm_gradient_sums)(const float *x, const float *dz, const float *mean, float *sum, float *product,
                                        size_t rows, size_t channels) {
  memset(sum, 0, channels * sizeof(float));
  memset(product, 0, channels * sizeof(float));
  for (size_t row = 0; row < rows; ++row, x += channels, dz += channels) {
    SK_EACH_VECTOR(c, count, channels) {
      const sk_f32 d = SK_NAME(load_lanes)(x + c, (uint32_t)count) - SK_NAME(load_lanes)(mean + c, (uint32_t)count);
      const sk_f32 g = SK_NAME(load_lanes)(dz + c, (uint32_t)count);
      const sk_f32 s = SK_NAME(load_lanes)(sum + c, (uint32_t)count) + g;
      const sk_f32 p = SK_FMA(d, g, SK_NAME(load_lanes)(product + c, (uint32_t)count));
      SK_NAME(store_lanes)(sum + c, &s, (uint32_t)count);
      SK_NAME(store_lanes)(product + c, &p, (uint32_t)count);
    }
  }
}

static void SK_NAME(norm_gradient)(const float *x, const float *dz, const float *mean, const float *gain,
                                   const float *slope, const float *offset, float *dx, size_t rows, size_t channels) {
  for (size_t row = 0; row < rows; ++row, x += channels, dz += channels, dx += channels) {
    SK_EACH_VECTOR(c, count, channels) {
      const uint32_t n = (uint32_t)count;
      const sk_f32 d = SK_NAME(load_lanes)(x + c, n) - SK_NAME(load_lanes)(mean + c, n);
      const sk_f32 tilt = SK_FMA(SK_NAME(load_lanes)(slope + c, n), d, SK_NAME(load_lanes)(offset + c, n));
      const sk_f32 value = SK_FMA(SK_NAME(load_lanes)(gain + c, n), SK_NAME(load_lanes)(dz + c, n), tilt);
      SK_NAME(store_lanes)(dx + c, &value, n);
    }
  }
}

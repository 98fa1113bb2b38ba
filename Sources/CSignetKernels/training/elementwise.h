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

SK_INLINE void SK_NAME(moments_of)(const sk_values *v, bool shorts, const float *pivot, float *sum, float *square,
                                   size_t begin, size_t end) {
  memset(sum, 0, v->channels * sizeof(float));
  memset(square, 0, v->channels * sizeof(float));
  for (size_t row = begin; row < end; ++row) {
    SK_EACH_VECTOR(c, count, v->channels) {
      const uint32_t n = (uint32_t)count;
      const sk_f32 x = SK_NAME(activated)(v, SK_NAME(load_raw)(v, shorts, row, c, n), c, n);
      const sk_f32 d = x - SK_NAME(load_lanes)(pivot + c, n);
      const sk_f32 s = SK_NAME(load_lanes)(sum + c, n) + d;
      const sk_f32 q = SK_FMA(d, d, SK_NAME(load_lanes)(square + c, n));
      SK_NAME(store_lanes)(sum + c, &s, n);
      SK_NAME(store_lanes)(square + c, &q, n);
    }
  }
}

static void SK_NAME(moments)(const sk_values *v, const float *pivot, float *sum, float *square, size_t begin,
                             size_t end) {
  SK_EITHER(v, moments_of, pivot, sum, square, begin, end)
}

// Summed lane by lane and then over the lanes in order, so that the sum does not depend on the ISA.
SK_INLINE void SK_NAME(residual_of)(const sk_values *v, bool shorts, const float *scale, const float *shift,
                                    const float *betas, size_t planes, size_t begin, size_t end, float *sum) {
  const sk_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  sk_f32 lanes = 0;
  for (size_t row = begin; row < end; ++row) {
    SK_EACH_VECTOR(c, count, v->channels) {
      const uint32_t n = (uint32_t)count;
      const sk_f32 x = SK_NAME(activated)(v, SK_NAME(load_raw)(v, shorts, row, c, n), c, n);
      sk_f32 z = SK_FMA(SK_NAME(load_lanes)(scale + c, n), x, SK_NAME(load_lanes)(shift + c, n));
      for (size_t m = 0; m < planes; ++m) z = SK_SELECT(z >= 0.0f, z - betas[m], z + betas[m]);
      const sk_f32 magnitude = SK_SELECT(z >= 0.0f, z, -z);
      lanes += SK_SELECT(lane < (int32_t)n, magnitude, (sk_f32)0);
    }
  }
  *sum = 0;
  for (int i = 0; i < SK_LANES; ++i) *sum += lanes[i];
}

static float SK_NAME(residual_magnitude)(const sk_values *v, const float *scale, const float *shift,
                                         const float *betas, size_t planes, size_t begin, size_t end) {
  float sum;
  SK_EITHER(v, residual_of, scale, shift, betas, planes, begin, end, &sum)
  return sum;
}

SK_INLINE void SK_NAME(norm_gradient_sums_of)(const sk_values *v, bool shorts, const void *dz, sk_precision kind,
                                              const float *mean, float *sum, float *product, size_t begin,
                                              size_t end) {
  memset(sum, 0, v->channels * sizeof(float));
  memset(product, 0, v->channels * sizeof(float));
  for (size_t row = begin; row < end; ++row) {
    SK_EACH_VECTOR(c, count, v->channels) {
      const uint32_t n = (uint32_t)count;
      const sk_f32 x = SK_NAME(activated)(v, SK_NAME(load_raw)(v, shorts, row, c, n), c, n);
      const sk_f32 d = x - SK_NAME(load_lanes)(mean + c, n);
      const sk_f32 g = SK_NAME(load_gradient_lanes)(dz, kind, row * v->channels + c, n);
      const sk_f32 s = SK_NAME(load_lanes)(sum + c, n) + g;
      const sk_f32 p = SK_FMA(d, g, SK_NAME(load_lanes)(product + c, n));
      SK_NAME(store_lanes)(sum + c, &s, n);
      SK_NAME(store_lanes)(product + c, &p, n);
    }
  }
}

static void SK_NAME(norm_gradient_sums)(const sk_values *v, const void *dz, sk_precision dz_kind, const float *mean,
                                        float *sum, float *product, size_t begin, size_t end) {
  SK_EITHER(v, norm_gradient_sums_of, dz, dz_kind, mean, sum, product, begin, end)
}

SK_INLINE void SK_NAME(norm_gradient_of)(const sk_values *v, bool shorts, const sk_norm_gradient *n, size_t begin,
                                         size_t end, float *slope_gradient) {
  if (v->slope) memset(slope_gradient, 0, v->channels * sizeof(float));
  for (size_t row = begin; row < end; ++row) {
    SK_EACH_VECTOR(c, count, v->channels) {
      const uint32_t used = (uint32_t)count;
      const sk_f32 raw = SK_NAME(load_raw)(v, shorts, row, c, used);
      const sk_f32 d = SK_NAME(activated)(v, raw, c, used) - SK_NAME(load_lanes)(n->mean + c, used);
      const sk_f32 tilt = SK_FMA(SK_NAME(load_lanes)(n->tilt + c, used), d, SK_NAME(load_lanes)(n->offset + c, used));
      const sk_f32 dz = SK_NAME(load_gradient_lanes)(n->dz, n->dz_kind, row * v->channels + c, used);
      sk_f32 value = SK_FMA(SK_NAME(load_lanes)(n->gain + c, used), dz, tilt);
      if (v->slope) {
        const sk_i32 positive = raw > 0.0f;
        const sk_f32 sum =
            SK_NAME(load_lanes)(slope_gradient + c, used) + SK_SELECT(positive, (sk_f32)0, raw * value);
        SK_NAME(store_lanes)(slope_gradient + c, &sum, used);
        value = SK_SELECT(positive, value, SK_NAME(load_lanes)(v->slope + c, used) * value);
      }
      SK_NAME(store_gradient)(n->output, n->kind, row * v->channels + c, &value, used);
    }
  }
}

static void SK_NAME(norm_gradient)(const sk_norm_gradient *n, size_t begin, size_t end, float *slope_gradient) {
  SK_EITHER(&n->input, norm_gradient_of, n, begin, end, slope_gradient)
}

static void SK_NAME(plain_values)(const sk_values *v, float *y, size_t begin, size_t end) {
  for (size_t row = begin; row < end; ++row) {
    SK_EACH_VECTOR(c, count, v->channels) {
      const uint32_t n = (uint32_t)count;
      const sk_f32 raw = v->shorts ? SK_NAME(load_raw)(v, true, row, c, n) : SK_NAME(load_raw)(v, false, row, c, n);
      const sk_f32 value = SK_NAME(activated)(v, raw, c, n);
      SK_NAME(store_lanes)(y + row * v->channels + c, &value, n);
    }
  }
}

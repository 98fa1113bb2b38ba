// SPDX-License-Identifier: Apache-2.0
//
// Passes over rows of channels: the elementwise and per-channel parts of a network, forward and backward.

#define SK_EACH_VECTOR(c, count, channels)                                                                        \
  for (size_t c = 0, count; c < (channels) && (count = (channels) - c < SK_LANES ? (channels) - c : SK_LANES, 1); \
       c += SK_LANES)

// Per-channel sums take so many rows at a time, vector by vector: what belongs to a channel is then loaded once for all
// of them, in the rows' order all the same.
#define SK_ROW_GROUP 8

// Calls a body that takes `shorts`, a gradient's `kind` and whether all vectors are `full`, with constants for what a
// network of bfloat16 gradients mostly has. A body without a gradient passes that kind and ignores it.
#define SK_WITH_CONSTANTS(v, gradient_kind, name, ...)                                                    \
  if ((gradient_kind) == SK_PRECISION_BFLOAT16 && (v)->channels % SK_LANES == 0) {                        \
    if ((v)->shorts) {                                                                                    \
      SK_NAME(name)(v, true, SK_PRECISION_BFLOAT16, true, __VA_ARGS__);                                   \
    } else {                                                                                              \
      SK_NAME(name)(v, false, SK_PRECISION_BFLOAT16, true, __VA_ARGS__);                                  \
    }                                                                                                     \
  } else if ((v)->shorts) {                                                                               \
    SK_NAME(name)(v, true, gradient_kind, false, __VA_ARGS__);                                            \
  } else {                                                                                                \
    SK_NAME(name)(v, false, gradient_kind, false, __VA_ARGS__);                                           \
  }

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

SK_INLINE void SK_NAME(moments_of)(const sk_values *values, bool shorts, sk_precision kind, bool full,
                                   const float *pivot, float *sum, float *square, size_t begin, size_t end) {
  (void)kind;
  const sk_values v = *values;
  memset(sum, 0, v.channels * sizeof(float));
  memset(square, 0, v.channels * sizeof(float));
  for (size_t row = begin; row < end; row += SK_ROW_GROUP) {
    const size_t last = row + SK_ROW_GROUP < end ? row + SK_ROW_GROUP : end;
    SK_EACH_VECTOR(c, count, v.channels) {
      const uint32_t n = full ? SK_LANES : (uint32_t)count;
      const sk_f32 middle = SK_NAME(load_lanes)(pivot + c, n), slope = SK_NAME(slope_of)(&v, c, n);
      sk_f32 s = SK_NAME(load_lanes)(sum + c, n), q = SK_NAME(load_lanes)(square + c, n);
      for (size_t r = row; r < last; ++r) {
        const sk_f32 d = SK_NAME(activated_by)(SK_NAME(load_raw)(&v, shorts, r, c, n), slope) - middle;
        s += d;
        q = SK_FMA(d, d, q);
      }
      SK_NAME(store_lanes)(sum + c, &s, n);
      SK_NAME(store_lanes)(square + c, &q, n);
    }
  }
}

static void SK_NAME(moments)(const sk_values *v, const float *pivot, float *sum, float *square, size_t begin,
                             size_t end) {
  SK_WITH_CONSTANTS(v, SK_PRECISION_BFLOAT16, moments_of, pivot, sum, square, begin, end)
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

SK_INLINE void SK_NAME(norm_gradient_sums_of)(const sk_values *values, bool shorts, sk_precision kind, bool full,
                                              const void *dz, const float *mean, float *sum, float *product,
                                              size_t begin, size_t end) {
  const sk_values v = *values;
  memset(sum, 0, v.channels * sizeof(float));
  memset(product, 0, v.channels * sizeof(float));
  for (size_t row = begin; row < end; row += SK_ROW_GROUP) {
    const size_t last = row + SK_ROW_GROUP < end ? row + SK_ROW_GROUP : end;
    SK_EACH_VECTOR(c, count, v.channels) {
      const uint32_t n = full ? SK_LANES : (uint32_t)count;
      const sk_f32 middle = SK_NAME(load_lanes)(mean + c, n), slope = SK_NAME(slope_of)(&v, c, n);
      sk_f32 s = SK_NAME(load_lanes)(sum + c, n), p = SK_NAME(load_lanes)(product + c, n);
      for (size_t r = row; r < last; ++r) {
        const sk_f32 d = SK_NAME(activated_by)(SK_NAME(load_raw)(&v, shorts, r, c, n), slope) - middle;
        const sk_f32 g = SK_NAME(load_gradient_lanes)(dz, kind, r * v.channels + c, n);
        s += g;
        p = SK_FMA(d, g, p);
      }
      SK_NAME(store_lanes)(sum + c, &s, n);
      SK_NAME(store_lanes)(product + c, &p, n);
    }
  }
}

static void SK_NAME(norm_gradient_sums)(const sk_values *v, const void *dz, sk_precision dz_kind, const float *mean,
                                        float *sum, float *product, size_t begin, size_t end) {
  SK_WITH_CONSTANTS(v, dz_kind, norm_gradient_sums_of, dz, mean, sum, product, begin, end)
}

SK_INLINE void SK_NAME(norm_gradient_of)(const sk_values *values, bool shorts, sk_precision kind, bool full,
                                         const sk_norm_gradient *call, size_t begin, size_t end,
                                         float *slope_gradient) {
  const sk_values v = *values;
  const sk_norm_gradient n = *call;
  const sk_precision dz_kind = full ? kind : n.dz_kind;
  if (v.slope) memset(slope_gradient, 0, v.channels * sizeof(float));
  for (size_t row = begin; row < end; row += SK_ROW_GROUP) {
    const size_t last = row + SK_ROW_GROUP < end ? row + SK_ROW_GROUP : end;
    SK_EACH_VECTOR(c, count, v.channels) {
      const uint32_t used = full ? SK_LANES : (uint32_t)count;
      const sk_f32 middle = SK_NAME(load_lanes)(n.mean + c, used), gain = SK_NAME(load_lanes)(n.gain + c, used);
      const sk_f32 tilt = SK_NAME(load_lanes)(n.tilt + c, used), offset = SK_NAME(load_lanes)(n.offset + c, used);
      const sk_f32 slope = SK_NAME(slope_of)(&v, c, used);
      sk_f32 sum = v.slope ? SK_NAME(load_lanes)(slope_gradient + c, used) : (sk_f32)0;
      for (size_t r = row; r < last; ++r) {
        const sk_f32 raw = SK_NAME(load_raw)(&v, shorts, r, c, used);
        const sk_f32 d = SK_NAME(activated_by)(raw, slope) - middle;
        const sk_f32 dz = SK_NAME(load_gradient_lanes)(n.dz, dz_kind, r * v.channels + c, used);
        sk_f32 value = SK_FMA(gain, dz, SK_FMA(tilt, d, offset));
        if (v.slope) {
          const sk_i32 positive = raw > 0.0f;
          sum += SK_SELECT(positive, (sk_f32)0, raw * value);
          value = SK_SELECT(positive, value, slope * value);
        }
        SK_NAME(store_gradient)(n.output, kind, r * v.channels + c, &value, used);
      }
      if (v.slope) SK_NAME(store_lanes)(slope_gradient + c, &sum, used);
    }
  }
}

static void SK_NAME(norm_gradient)(const sk_norm_gradient *n, size_t begin, size_t end, float *slope_gradient) {
  if (n->kind == n->dz_kind) {
    SK_WITH_CONSTANTS(&n->input, n->kind, norm_gradient_of, n, begin, end, slope_gradient)
  } else if (n->input.shorts) {
    SK_NAME(norm_gradient_of)(&n->input, true, n->kind, false, n, begin, end, slope_gradient);
  } else {
    SK_NAME(norm_gradient_of)(&n->input, false, n->kind, false, n, begin, end, slope_gradient);
  }
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

// SPDX-License-Identifier: Apache-2.0
//
// What a layer reads: reals or 16-bit accumulators, through the activation function before it.
//
// `shorts` is a constant wherever this is inlined.
SK_INLINE sk_f32 SK_NAME(load_raw)(const sk_values *v, bool shorts, size_t row, size_t c, uint32_t count) {
  const size_t at = row * v->channels + c;
  if (!shorts) return SK_NAME(load_lanes)((const float *)v->data + at, count);
  sk_i16 lanes = 0;
  const int16_t *from = (const int16_t *)v->data + at;
  if (count == SK_LANES) {
    lanes = *(const sk_i16_at *)from;
  } else {
    memcpy(&lanes, from, count * sizeof(int16_t));
  }
  return __builtin_convertvector(lanes, sk_f32);
}

// The activation function's slopes below 0; without one, 1, by which no value is changed.
SK_INLINE sk_f32 SK_NAME(slope_of)(const sk_values *v, size_t c, uint32_t count) {
  return v->slope ? SK_NAME(load_lanes)(v->slope + c, count) : (sk_f32)1;
}

SK_INLINE sk_f32 SK_NAME(activated_by)(sk_f32 raw, sk_f32 slope) {
  return SK_SELECT(raw >= 0.0f, raw, slope * raw);
}

SK_INLINE sk_f32 SK_NAME(activated)(const sk_values *v, sk_f32 raw, size_t c, uint32_t count) {
  if (!v->slope) return raw;
  return SK_SELECT(raw >= 0.0f, raw, SK_NAME(load_lanes)(v->slope + c, count) * raw);
}

// Calls a body that takes `shorts` with the constant.
#define SK_EITHER(v, name, ...)           \
  if ((v)->shorts) {                      \
    SK_NAME(name)(v, true, __VA_ARGS__);  \
  } else {                                \
    SK_NAME(name)(v, false, __VA_ARGS__); \
  }

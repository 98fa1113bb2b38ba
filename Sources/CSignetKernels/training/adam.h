// SPDX-License-Identifier: Apache-2.0
//
// Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) with clipping and a count of sign changes.

static size_t SK_NAME(adam)(const sk_adam *a, float *weights, const float *gradient, float *first, float *second,
                            size_t count) {
  size_t changed = 0;
  for (size_t i = 0; i < count; i += SK_LANES) {
    const uint32_t lanes = (uint32_t)(count - i < SK_LANES ? count - i : SK_LANES);
    const sk_f32 w = SK_NAME(load_lanes)(weights + i, lanes);
    const sk_f32 g = SK_FMA((sk_f32)a->decay, w, SK_NAME(load_lanes)(gradient + i, lanes));
    const sk_f32 m = SK_FMA((sk_f32)(1 - a->beta1), g, a->beta1 * SK_NAME(load_lanes)(first + i, lanes));
    const sk_f32 v = SK_FMA((1 - a->beta2) * g, g, a->beta2 * SK_NAME(load_lanes)(second + i, lanes));
    const sk_f32 divisor = __builtin_elementwise_sqrt(v) * a->second_correction + a->epsilon;
    sk_f32 next = w - a->step_size * m / divisor;
    next = SK_SELECT(next > a->clip, (sk_f32)a->clip, next);
    next = SK_SELECT(next < -a->clip, (sk_f32)(-a->clip), next);
    // The square of a gradient beyond 1e20 is infinite: its weight would never move again, and nobody would notice.
    next = SK_SELECT(v < SK_NAME(from_bits)(0x7F800000u), next, (sk_f32)SK_NAME(from_bits)(0x7FC00000u));
    const sk_i32 flipped = (w >= 0.0f) ^ (next >= 0.0f);
    changed += (size_t)__builtin_popcount(SK_BITS(flipped != 0) & ((1u << lanes) - 1));
    SK_NAME(store_lanes)(weights + i, &next, lanes);
    SK_NAME(store_lanes)(first + i, &m, lanes);
    SK_NAME(store_lanes)(second + i, &v, lanes);
  }
  return changed;
}

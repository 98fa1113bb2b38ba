// SPDX-License-Identifier: Apache-2.0
//
// The most that one core does of fused multiply-adds, on registers alone.

static double SK_NAME(peak_float)(size_t rounds) {
  sk_f32 sums[SK_ROWS][SK_VECTORS] = {}, weights[SK_VECTORS], activation = 0.5f;
  for (int v = 0; v < SK_VECTORS; ++v) weights[v] = (sk_f32)(float)v;
  for (size_t round = 0; round < rounds; ++round) {
    SK_UNROLL for (int r = 0; r < SK_ROWS; ++r) {
      __asm__ volatile("" : SK_REGISTER(activation));
      SK_UNROLL for (int v = 0; v < SK_VECTORS; ++v) sums[r][v] = SK_FMA(activation, weights[v], sums[r][v]);
    }
  }
  for (int r = 0; r < SK_ROWS; ++r) {
    for (int v = 0; v < SK_VECTORS; ++v) __asm__ volatile("" : SK_REGISTER(sums[r][v]));
  }
  return (double)rounds * SK_ROWS * SK_VECTORS * SK_LANES;
}

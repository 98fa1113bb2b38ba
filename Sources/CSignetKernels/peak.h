// SPDX-License-Identifier: Apache-2.0
//
// The most that one core does of the two core instruction mixes, on registers alone.

#define SK_PEAK_CHAINS SK_ROWS

static double SK_NAME(peak_binary)(size_t rounds) {
  sk_u32 sums[SK_PEAK_CHAINS][SK_VECTORS] = {}, weights[SK_VECTORS], activation = 0x9E3779B9u;
  for (int v = 0; v < SK_VECTORS; ++v) weights[v] = (sk_u32)(0x85EBCA6Bu + (uint32_t)v);
  for (size_t round = 0; round < rounds; ++round) {
    SK_UNROLL for (int r = 0; r < SK_PEAK_CHAINS; ++r) {
      __asm__ volatile("" : SK_REGISTER(activation));
      SK_UNROLL for (int v = 0; v < SK_VECTORS; ++v) sums[r][v] += SK_POPCOUNT(activation ^ weights[v]);
    }
  }
  for (int r = 0; r < SK_PEAK_CHAINS; ++r) {
    for (int v = 0; v < SK_VECTORS; ++v) __asm__ volatile("" : SK_REGISTER(sums[r][v]));
  }
  return (double)rounds * SK_PEAK_CHAINS * SK_VECTORS * SK_LANES * 32;
}

static double SK_NAME(peak_float)(size_t rounds) {
  sk_f32 sums[SK_PEAK_CHAINS][SK_VECTORS] = {}, weights[SK_VECTORS], activation = 0.5f;
  for (int v = 0; v < SK_VECTORS; ++v) weights[v] = (sk_f32)(float)v;
  for (size_t round = 0; round < rounds; ++round) {
    SK_UNROLL for (int r = 0; r < SK_PEAK_CHAINS; ++r) {
      __asm__ volatile("" : SK_REGISTER(activation));
      SK_UNROLL for (int v = 0; v < SK_VECTORS; ++v) sums[r][v] = SK_FMA(activation, weights[v], sums[r][v]);
    }
  }
  for (int r = 0; r < SK_PEAK_CHAINS; ++r) {
    for (int v = 0; v < SK_VECTORS; ++v) __asm__ volatile("" : SK_REGISTER(sums[r][v]));
  }
  return (double)rounds * SK_PEAK_CHAINS * SK_VECTORS * SK_LANES;
}

// SPDX-License-Identifier: Apache-2.0
//
// The most that one core does of fused multiply-adds, on registers alone.

static double SK_NAME(peak_float)(size_t rounds) {
  sk_f32 sums[SK_MAX_ROWS][SK_VECTORS], weights[SK_VECTORS];
  // No weight is 0 or 1: a multiply-add by 1 would be an addition, for which there are other units.
  for (int v = 0; v < SK_VECTORS; ++v) weights[v] = (sk_f32)(1.25f + 0.125f * (float)v);
  // Chains that start alike would be one chain to the compiler.
  for (int r = 0; r < SK_MAX_ROWS; ++r) {
    for (int v = 0; v < SK_VECTORS; ++v) sums[r][v] = (sk_f32)(float)r;
  }
  float activation = 0.5f;
  for (size_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : SK_FLOAT_REGISTER(activation));
    const sk_f32 wide = activation;
    SK_UNROLL for (int r = 0; r < SK_MAX_ROWS; ++r) {
      SK_UNROLL for (int v = 0; v < SK_VECTORS; ++v) sums[r][v] = SK_FMA(wide, weights[v], sums[r][v]);
    }
  }
  volatile float used = 0;
  for (int r = 0; r < SK_MAX_ROWS; ++r) {
    for (int v = 0; v < SK_VECTORS; ++v) used = used + sums[r][v][0];
  }
  return (double)rounds * SK_MAX_ROWS * SK_VECTORS * SK_LANES;
}

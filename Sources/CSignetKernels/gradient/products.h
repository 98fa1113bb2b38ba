// SPDX-License-Identifier: Apache-2.0
//
// Both products in one precision. Included once for each, with SK_P, SK_STEP, SK_SUM and SK_DOT.

#include "expand.h"
#include "tile.h"
#if SK_STEP < 4
#include "images.h"
#include "convolution.h"
#endif
#include "weight_gradient.h"
#include "input_gradient.h"

// The products of tiles on registers: operands that the compiler knows nothing about, nothing read from memory.
static double SK_P(peak)(size_t rounds) {
  SK_SUM sums[SK_GRADIENT_ROWS][SK_GRADIENT_VECTORS];
  sk_u32 weights[SK_GRADIENT_VECTORS];
  uint32_t word = 0x3F803F80u;
  for (int v = 0; v < SK_GRADIENT_VECTORS; ++v) weights[v] = (sk_u32)(0x3F803F80u + (uint32_t)v);
  // Chains that start alike would be one chain to the compiler.
  for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    for (int v = 0; v < SK_GRADIENT_VECTORS; ++v) sums[r][v] = (SK_SUM)(SK_SCALAR)r;
  }
  for (size_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+r"(word));
    SK_UNROLL for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
      SK_UNROLL for (int v = 0; v < SK_GRADIENT_VECTORS; ++v) sums[r][v] = SK_DOT(sums[r][v], weights[v], word);
    }
  }
  for (int r = 0; r < SK_GRADIENT_ROWS; ++r) {
    for (int v = 0; v < SK_GRADIENT_VECTORS; ++v) __asm__ volatile("" : SK_SUM_REGISTER(sums[r][v]));
  }
  return (double)rounds * SK_GRADIENT_ROWS * SK_GRADIENT_VECTORS * SK_LANES * SK_STEP;
}

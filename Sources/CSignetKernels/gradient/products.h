// SPDX-License-Identifier: Apache-2.0
//
// Both products in one precision. Included once for each, with SK_P, SK_STEP, SK_SUM and SK_DOT.

#if defined(SK_TILES) && SK_STEP > 1
#define SK_TILED 1
#if SK_STEP == 4
#define SK_TILE_DOT _tile_dpbssd
#else
#define SK_TILE_DOT _tile_dpbf16ps
#endif
#else
#define SK_TILED 0
#endif
// Whether a weight gradient expands a chunk's pixels once for all taps.
#if SK_TILED || (SK_STEP == 4 && defined(SK_BYTE_LOOKUP)) || (SK_STEP == 2 && defined(SK_REAL_LOOKUP))
#define SK_HAS_VALUES 1
#else
#define SK_HAS_VALUES 0
#endif

#include "expand.h"
#include "tile.h"
#if SK_STEP < 4
#include "images.h"
#include "convolution.h"
#endif
#include "weight_gradient.h"
#if SK_TILED
#include "input_tiles.h"
#else
#include "input_gradient.h"
#endif

#if SK_TILED
// Tiles of registers alone: 4 sums, as in a product.
static double SK_P(peak)(size_t rounds) {
  static const uint8_t zeros[SK_TILE_BYTES] = {};
  SK_NAME(begin_tiles)();
  _tile_loadd(4, zeros, 64);
  _tile_loadd(5, zeros, 64);
  _tile_loadd(6, zeros, 64);
  _tile_loadd(7, zeros, 64);
  SK_NAME(zero_sums)();
  for (size_t round = 0; round < rounds; ++round) {
    SK_TILE_DOT(0, 4, 6);
    SK_TILE_DOT(1, 4, 7);
    SK_TILE_DOT(2, 5, 6);
    SK_TILE_DOT(3, 5, 7);
  }
  SK_NAME(end_tiles)();
  return (double)rounds * 4 * 16 * 16 * 16 * SK_STEP;
}
#undef SK_TILE_DOT
#else
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
#endif
#undef SK_TILED
#undef SK_HAS_VALUES

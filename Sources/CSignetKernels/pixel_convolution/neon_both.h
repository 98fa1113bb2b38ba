// SPDX-License-Identifier: Apache-2.0
//
// The convolution of bytes with and without the dot-product extension; which one runs is asked of the system, from a
// table that it keeps for every process.

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define SK_PIXEL(name) name##__neon_dot
#define SK_PIXEL_DOT 1
#include "neon.h"
#include "portable.h"
#undef SK_PIXEL
#undef SK_PIXEL_DOT
#pragma clang attribute pop

#define SK_PIXEL(name) name##__neon_mull
#define SK_PIXEL_DOT 0
#include "neon.h"
#include "portable.h"

static int has_dot(void) {
#if defined(__ARM_FEATURE_DOTPROD)
  return 1;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) >> 20 & 1) != 0;  // HWCAP_ASIMDDP
#else
  return 0;
#endif
}

static void SK_NAME(pixel_convolution)(const sk_pixel_convolution *c, size_t begin, size_t end, size_t first_block,
                                       size_t end_block) {
  (has_dot() ? pixel_convolution__neon_dot : pixel_convolution__neon_mull)(c, begin, end, first_block, end_block);
}

static double SK_NAME(peak_bytes)(size_t rounds) {
  return (has_dot() ? peak_bytes__neon_dot : peak_bytes__neon_mull)(rounds);
}

// SPDX-License-Identifier: Apache-2.0
//
// AVX2 and FMA: a vector of 16 lanes is two ymm registers. Popcount is a nibble look-up (vpshufb) and widening
// sums; 4 rows x 1 vector use 8 of the 16 registers for sums and leave the others to the look-up.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,popcnt"))), apply_to = function)
#define SK_NAME(name) name##__avx2
#define SK_ISA SK_ISA_AVX2
#define SK_ROWS 4
#define SK_VECTORS 1
#define SK_BINARY_TILE_HEADER "../binary_convolution/tile_popcount.h"
#define SK_POPCOUNT(x) __builtin_elementwise_popcount(x)
#define SK_REGISTER(x) "+m"(x)
#include "all_kernels.h"
#pragma clang attribute pop
#endif

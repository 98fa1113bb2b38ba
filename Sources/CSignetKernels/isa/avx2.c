// SPDX-License-Identifier: Apache-2.0
//
// AVX2 and FMA: a vector of 16 lanes is two ymm registers. Bits are counted by look-up, 4 rows x 32 channels x 2; sums
// of floats are 4 rows x 1 vector, 8 of the 16 registers.
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,popcnt"))), apply_to = function)
#define SK_NAME(name) name##__avx2
#define SK_GRADIENTS_NAME "avx2"
#define SK_ISA SK_ISA_AVX2
#define SK_ROWS 4
#define SK_VECTORS 1
#define SK_TILE_LOOKUP
#define SK_FLOAT_REGISTER(x) "+x"(x)
#define SK_GRADIENT_VECTORS 1
#define SK_SUM_REGISTER(x) "+m"(x)
#include "../vector.h"
#include "../gradient/avx2.h"
#include "../pixel_convolution/avx2.h"
#include "all_kernels.h"
#pragma clang attribute pop
#endif

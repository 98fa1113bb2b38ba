// SPDX-License-Identifier: Apache-2.0
//
// NEON: a vector of 16 lanes is four q registers. Popcount is cnt on bytes and two widening pairwise sums;
// 4 rows x 1 vector use 16 of the 32 registers for sums.
#if defined(__aarch64__)
#define SK_NAME(name) name##__neon
#define SK_ISA SK_ISA_NEON
#define SK_ROWS 4
#define SK_VECTORS 1
#define SK_BINARY_TILE_HEADER "../binary_convolution/tile_popcount.h"
#define SK_POPCOUNT(x) __builtin_elementwise_popcount(x)
#define SK_REGISTER(x) "+m"(x)
#include "all_kernels.h"
#endif

// SPDX-License-Identifier: Apache-2.0
//
// NEON: a vector of 16 lanes is four q registers; 4 rows x 1 vector use 16 of the 32 registers for sums. The
// convolution of bytes is there twice, with and without the dot-product extension.
#if defined(__aarch64__)
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif

#define SK_PIXELS_TWICE
#define SK_NAME(name) name##__neon
#define SK_GRADIENTS_NAME "neon"
#define SK_ISA SK_ISA_NEON
#define SK_ROWS 4
#define SK_VECTORS 1
#define SK_TILE_NEON
#define SK_FLOAT_REGISTER(x) "+w"(x)
#define SK_GRADIENT_VECTORS 1
#define SK_SUM_REGISTER(x) "+m"(x)
#include "../vector.h"
#include "../gradient/neon.h"
#include "all_kernels.h"
#endif

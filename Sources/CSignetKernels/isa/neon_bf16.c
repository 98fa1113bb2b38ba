// SPDX-License-Identifier: Apache-2.0
//
// NEON with BF16 and dot products: the products of a backward pass alone. bfdot adds two products with a rounding of
// its own, so a bfloat16 step gives other bits than on machines without it; as any two kinds of processors do.
#if defined(__aarch64__)
#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("bf16,dotprod"))), apply_to = function)
#define SK_NAME(name) name##__neon_bf16
#define SK_GRADIENTS_NAME "neon dot bf16"
#define SK_NEON_DOT
#define SK_GRADIENT_VECTORS 1
#define SK_SUM_REGISTER(x) "+m"(x)
#include "../vector.h"
#include "../lanes.h"
#include "../bfloat16.h"
#include "../convolution/gather.h"
#include "../gradient/neon.h"
#include "../gradient/neon_pairs.h"
#include "../gradient/all_products.h"
#pragma clang attribute pop
#endif

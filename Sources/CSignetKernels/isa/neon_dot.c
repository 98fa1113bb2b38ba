// SPDX-License-Identifier: Apache-2.0
//
// NEON with dot products but without BF16: the products of a backward pass alone.
#if defined(__aarch64__)
#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define SK_NAME(name) name##__neon_dot
#define SK_GRADIENTS_NAME "neon dot"
#define SK_NEON_DOT
#define SK_GRADIENT_VECTORS 1
#define SK_SUM_REGISTER(x) "+m"(x)
#include "../vector.h"
#include "../lanes.h"
#include "../bfloat16.h"
#include "../convolution/gather.h"
#include "../gradient/neon.h"
#include "../gradient/all_products.h"
#pragma clang attribute pop
#endif

// SPDX-License-Identifier: Apache-2.0
//
// The baseline of the architecture: no instruction beyond what every CPU of its kind has. fma is a library call
// where the baseline lacks it: slow, and the same bits.
#define SK_NAME(name) name##__scalar
#define SK_GRADIENTS_NAME "scalar"
#define SK_ISA SK_ISA_SCALAR
#define SK_ROWS 4
#define SK_VECTORS 1
#define SK_POPCOUNT(x) __builtin_elementwise_popcount(x)
#define SK_REGISTER(x) "+m"(x)
#define SK_FLOAT_REGISTER(x) "+m"(x)
#define SK_GRADIENT_VECTORS 1
#define SK_SUM_REGISTER(x) "+m"(x)
#include "../vector.h"
#include "../gradient/scalar.h"
#include "../pixel_convolution/scalar.h"
#include "all_kernels.h"
